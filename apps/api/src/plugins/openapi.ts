import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { shareAnswerSchemas } from './openapi-answer-schemas.ts'
import { CALLBACK_WEBHOOKS } from './openapi-callbacks.ts'
import { type ApiDocument, documentChannelConfigs } from './openapi-channel-configs.ts'
import { mayBeLeftOut } from './request-bodies.ts'
import { protectPages } from './security-headers.ts'

const DESCRIPTION = `Sends the messages of business systems to DingTalk, WeCom and an in-app inbox.

**To try it out:** press *Authorize*, paste a token (\`npm start\` prints one), open an operation, press *Try it out* and *Execute*.
The examples work as they are for the demo tenant.

- A token says tenant and roles: \`sender\` sends and reads messages, \`viewer\` reads, \`operator\` also writes templates and repeats
  or cancels messages, \`admin\` may do all of that and configure, \`platform\` also acts for other tenants (\`tenantId\`), \`inbox\` reads its own inbox.
- Errors have one shape, with a code, a text for people, the fields at fault in \`details\`, and the \`requestId\` to look for in the logs.
- 64-bit ids are strings of digits. Times are ISO 8601 in UTC. Lists are pages.
- What can be changed has an \`ETag\`: send it as \`If-Match\`, and nobody's change is overwritten unseen (412). What GET answers may be
  PUT back, changed: fields that cannot be set are left aside.`

const TOKEN_DESCRIPTION =
  'The token alone, without `Bearer`. From the token issuer of your company, or from `POST /api/auth/token` for an API client.'

/** `/docs`: Swagger UI, `/docs/json`: OpenAPI 3.1, both made from the routes' own schemas. */
export const openapiPlugin = fp(
  async (app: FastifyInstance, { registry }: { registry: ChannelRegistry }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Message center',
          version: '0.1.0',
          description: DESCRIPTION,
        },
        components: {
          securitySchemes: {
            bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: TOKEN_DESCRIPTION },
            ticket: {
              type: 'apiKey',
              in: 'query',
              name: 'ticket',
              description: 'From `POST /api/inbox/ticket`, for a browser that opens a stream',
            },
          },
        },
        security: [{ bearer: [] }],
        webhooks: CALLBACK_WEBHOOKS,
        tags: [
          { name: 'messages', description: 'Send and look up' },
          { name: 'channel-configs', description: 'How a tenant or a store reaches a channel' },
          { name: 'templates', description: 'What a message says on a channel' },
          { name: 'inbox', description: 'What the LOCAL channel delivered, for its readers' },
          { name: 'system-configs', description: 'Dynamic settings' },
          { name: 'callbacks', description: 'Be told of final statuses: what signs the requests to `callbackUrl`' },
          { name: 'audit-logs', description: 'Who changed what' },
          { name: 'clients', description: 'Programs that call this API, and their tokens' },
          { name: 'operations', description: 'Health and metrics' },
        ],
      },
      hideUntagged: true,
      transformObject(document) {
        const shown = 'openapiObject' in document ? document.openapiObject : document.swaggerObject
        documentChannelConfigs(shown as ApiDocument, registry)
        shareAnswerSchemas(shown as ApiDocument)
        tellOptionalBodies(shown as ApiDocument)
        return shown
      },
    })
    await app.register(async (docs) => {
      docs.addHook('onRoute', (route) => {
        route.config = { ...route.config, access: 'public' }
      })
      await protectPages(docs, { inlineStyles: true })
      await docs.register(swaggerUi, {
        routePrefix: '/docs',
        uiConfig: {
          // Without the bar that opens other documents.
          layout: 'BaseLayout',
          filter: true,
          persistAuthorization: true,
          displayRequestDuration: true,
          // Channel settings by type and mode, opened as far as their fields.
          defaultModelExpandDepth: 3,
          defaultModelsExpandDepth: 0,
        },
      })
    })
  },
  { name: 'openapi' },
)

/** @fastify/swagger says of every body that it is required. */
function tellOptionalBodies({ paths = {} }: ApiDocument): void {
  for (const { requestBody } of Object.values(paths).flatMap((methods) => Object.values(methods))) {
    if (requestBody) requestBody.required = !mayBeLeftOut(requestBody.content['application/json']?.schema)
  }
}
