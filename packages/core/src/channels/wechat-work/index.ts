import { MESSAGE_TYPES } from '../../contracts/content.ts'
import type { AccessTokens } from '../access-tokens.ts'
import { type ChannelAdapter, defineChannelAdapter } from '../adapter.ts'
import { modePayloads } from '../mode-payloads.ts'
import { createAppMode } from './app.ts'
import { createAppApi } from './app-api.ts'
import { createRobotMode } from './robot.ts'
import { type WechatWorkConfig as Config, WechatWorkConfig } from './schema.ts'
import { createTokenApps } from './token.ts'

export interface WechatWorkOptions {
  /** `WECHAT_WORK_BASE_URL`; may have a path prefix. */
  baseUrl: string
  tokens: AccessTokens
}

/**
 * The WECHAT_WORK (WeCom) channel.
 * @throws TypeError where the base URL is not absolute
 */
export function createWechatWorkAdapter(options: WechatWorkOptions): ChannelAdapter {
  const robot = createRobotMode(options.baseUrl)
  const app = createAppMode(createAppApi(options))
  const tokenApp = createTokenApps(options.baseUrl)
  return defineChannelAdapter({
    type: 'WECHAT_WORK',
    displayName: '企业微信',
    configSchema: WechatWorkConfig,
    secretFields: ['key', 'webhook', 'corpSecret'],
    messageTypes: MESSAGE_TYPES,
    rateLimit: { count: 20, window: 1, unit: 'MINUTE' },
    timeZone: 'Asia/Shanghai',
    checkConfig: (config) => (config.mode === 'robot' ? robot.checkConfig(config) : []),
    requiresRecipients: (config) => config.mode === 'app',
    payloads: (type, content, recipients) =>
      modePayloads({
        robot: () => robot.payload(type, content, recipients),
        app: () => app.payload(type, content),
      }),
    async send(input, tools) {
      // The caller has checked it against configSchema; so for the call below.
      const config = input.config as Config
      return config.mode === 'robot' ? robot.send(config, input, tools) : app.send(config, input, tools)
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
