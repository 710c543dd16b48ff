import { MESSAGE_TYPES } from '../../contracts/content.ts'
import type { AccessTokens } from '../access-tokens.ts'
import { type ChannelAdapter, defineChannelAdapter } from '../adapter.ts'
import { modePayloads } from '../mode-payloads.ts'
import { createAppMode } from './app.ts'
import { createRobotMode, MAX_BODY_BYTES } from './robot.ts'
import { type DingtalkConfig as Config, DingtalkConfig } from './schema.ts'
import { createTokenApps } from './token.ts'
import { createTopApi } from './topapi.ts'

export interface DingtalkOptions {
  /** `DINGTALK_BASE_URL`: host of the robot and topapi calls; may have a path prefix. */
  baseUrl: string
  /** `DINGTALK_API_BASE_URL`: host of the newer API, which gives mode `app` its access tokens. */
  apiBaseUrl: string
  tokens: AccessTokens
}

/**
 * The DINGTALK channel.
 * @throws TypeError where a base URL is not absolute
 */
export function createDingtalkAdapter(options: DingtalkOptions): ChannelAdapter {
  const robot = createRobotMode(options.baseUrl)
  const app = createAppMode(createTopApi(options))
  const tokenApp = createTokenApps(options.apiBaseUrl)
  return defineChannelAdapter({
    type: 'DINGTALK',
    displayName: '钉钉',
    configSchema: DingtalkConfig,
    secretFields: ['accessToken', 'webhook', 'secret', 'appSecret'],
    messageTypes: MESSAGE_TYPES,
    rateLimit: { count: 20, window: 1, unit: 'MINUTE' },
    timeZone: 'Asia/Shanghai',
    maxBytes: MAX_BODY_BYTES,
    checkConfig: (config) => (config.mode === 'robot' ? robot.checkConfig(config) : []),
    requiresRecipients: (config) => config.mode === 'app',
    payloads: (type, content, recipients) =>
      modePayloads({
        robot: () => robot.payload(type, content, recipients),
        app: () => app.payload(type, content),
      }),
    async send(input, tools) {
      // The caller has checked it against configSchema; so for the calls below.
      const config = input.config as Config
      return config.mode === 'robot' ? robot.send(config, input, tools) : app.send(config, input, tools)
    },
    async checkResult(sent, tools) {
      const config = sent.config as Config
      return config.mode === 'robot' ? undefined : app.checkResult(config, sent, tools)
    },
    async refreshToken(settings, aheadMs, { fetch }) {
      const config = settings as Config
      return config.mode === 'app' && options.tokens.refresh(tokenApp(config, fetch), aheadMs)
    },
    async recall(sent, tools) {
      const config = sent.config as Config
      if (config.mode === 'app') return app.recall(config, sent, tools)
      return { recalled: false, reason: 'what a robot has sent cannot be recalled' }
    },
  })
}
