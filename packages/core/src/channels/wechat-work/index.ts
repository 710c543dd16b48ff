import { MESSAGE_TYPES } from '../../contracts/content.ts'
import { type ChannelAdapter, defineChannelAdapter } from '../adapter.ts'
import { ChannelError } from '../channel-error.ts'
import { createRobotMode } from './robot.ts'
import { type WechatWorkConfig as Config, WechatWorkConfig } from './schema.ts'

export interface WechatWorkOptions {
  /** `WECHAT_WORK_BASE_URL`; may have a path prefix. */
  baseUrl: string
}

/**
 * The WECHAT_WORK (WeCom) channel.
 * @throws TypeError where the base URL is not absolute
 */
export function createWechatWorkAdapter(options: WechatWorkOptions): ChannelAdapter {
  const robot = createRobotMode(options.baseUrl)
  return defineChannelAdapter({
    type: 'WECHAT_WORK',
    displayName: '企业微信',
    configSchema: WechatWorkConfig,
    secretFields: ['key', 'webhook', 'corpSecret'],
    messageTypes: MESSAGE_TYPES,
    rateLimit: { count: 20, window: 1, unit: 'MINUTE' },
    checkConfig: (config) => (config.mode === 'robot' ? robot.checkConfig(config) : []),
    requiresRecipients: (config) => config.mode === 'app',
    payloads: (type, content, recipients) => ({ robot: robot.payload(type, content, recipients) }),
    async send(input, tools) {
      // The caller has checked it against configSchema.
      const config = input.config as Config
      if (config.mode === 'robot') return robot.send(config, input, tools)
      throw new ChannelError('PERMANENT', {
        code: 'MODE_NOT_SUPPORTED',
        message: 'mode app is not available yet; use mode robot',
      })
    },
  })
}
