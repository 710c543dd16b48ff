import { type FastifyInstance, fastify } from 'fastify'
import { mountControl } from './control.ts'
import { dingtalkWorkNotice } from './dingtalk-app.ts'
import { dingtalkAppResultRoutes } from './dingtalk-app-results.ts'
import { dingtalkRobotSend } from './dingtalk-robot.ts'
import { dingtalkTokenRoutes } from './dingtalk-token.ts'
import { mountFaultControl } from './fault-control.ts'
import { mountMessageControl } from './message-control.ts'
import { mountPage } from './page.ts'
import { mountRoute, type ProviderRoute } from './provider-route.ts'
import { createState } from './state.ts'
import { wecomAppRoutes } from './wecom-app.ts'
import { wecomRobotSend } from './wecom-robot.ts'

/** Large enough for a 2 MB picture in base64; DingTalk's own limit is checked by its route. */
const MOST_BODY_BYTES = 4 * 1024 * 1024
/** Robot tokens are path parameters of the control API. */
const LONGEST_TOKEN = 500

const ROUTES: readonly ProviderRoute[] = [
  dingtalkRobotSend,
  ...dingtalkTokenRoutes,
  dingtalkWorkNotice,
  ...dingtalkAppResultRoutes,
  wecomRobotSend,
  ...wecomAppRoutes,
]

export interface SandboxOptions {
  /** Epoch milliseconds (may have a fraction); tests move it to let tokens expire. Default: the system's clock. */
  now?: () => number
}

/** Builds the sandbox: DingTalk and WeCom under their own paths, the control API, the web page. Listens to nothing. */
export function buildSandbox(options: SandboxOptions = {}): FastifyInstance {
  const state = createState(options.now ?? (() => performance.timeOrigin + performance.now()))
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: LONGEST_TOKEN },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, discriminator: true } },
  })
  app.register(async (providers) => {
    // The providers judge the raw body themselves: their answers to bad JSON are HTTP 200 with a code.
    providers.removeAllContentTypeParsers()
    providers.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: MOST_BODY_BYTES },
      (_request, body: Buffer, done) => done(null, body),
    )
    for (const route of ROUTES) mountRoute(providers, state, route)
  })
  app.get('/health', async () => ({ status: 'ok' }))
  mountControl(app, state)
  mountFaultControl(app, state)
  mountMessageControl(app, state)
  mountPage(app, state)
  return app
}
