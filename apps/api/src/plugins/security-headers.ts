import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** What the answers of the API are: data for one caller, never a page, never guessed to be anything else. */
const ANSWER_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
}

/** Headers of every answer; pages replace them by `protectPages`. */
export const securityHeadersPlugin = fp(
  async (app: FastifyInstance) => {
    app.addHook('onRequest', (_request, reply, done) => {
      reply.headers(ANSWER_HEADERS)
      done()
    })
  },
  { name: 'security-headers' },
)

/**
 * Helmet for the pages registered on `app` after this: they load from this service alone.
 * @param inlineStyles the page brings `<style>` or `style=` of its own
 */
export async function protectPages(app: FastifyInstance, { inlineStyles }: { inlineStyles: boolean }): Promise<void> {
  // Helmet writes past Fastify, which would put these over its own.
  app.addHook('onRequest', async (_request, reply) => {
    for (const name of Object.keys(ANSWER_HEADERS)) reply.removeHeader(name)
  })
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", ...(inlineStyles ? ["'unsafe-inline'"] : [])],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Whether the host is to be reached by HTTPS alone is for the proxy to say that ends TLS.
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' },
  })
}
