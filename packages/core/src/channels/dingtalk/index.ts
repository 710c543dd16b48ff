import { MESSAGE_TYPES } from '../../contracts/content.ts'
import { type ChannelAdapter, defineChannelAdapter } from '../adapter.ts'
import { ChannelError } from '../channel-error.ts'
import { createRobotMode, MAX_BODY_BYTES } from './robot.ts'
import { type DingtalkConfig as Config, DingtalkConfig } from './schema.ts'

export interface DingtalkOptions {
  /** `DINGTALK_BASE_URL`: host of the robot and topapi calls; may have a path prefix. */
  baseUrl: string
  /** `DINGTALK_API_BASE_URL`: host of the newer API, used by mode `app`. */
  apiBaseUrl: string
}

/**
 * The DINGTALK channel.
 * @throws TypeError where a base URL is not absolute
 */
export function createDingtalkAdapter(options: DingtalkOptions): ChannelAdapter {
  const robot = createRobotMode(options.baseUrl)
  return defineChannelAdapter({
    type: 'DINGTALK',
    displayName: '钉钉',
    configSchema: DingtalkConfig,
    secretFields: ['accessToken', 'webhook', 'secret', 'appSecret'],
    messageTypes: MESSAGE_TYPES,
    rateLimit: { count: 20, window: 1, unit: 'MINUTE' },
    maxBytes: MAX_BODY_BYTES,
    checkConfig: (config) => (config.mode === 'robot' ? robot.checkConfig(config) : []),
    requiresRecipients: (config) => config.mode === 'app',
    payloads: (type, content, recipients) => ({ robot: robot.payload(type, content, recipients) }),
    async send(input, tools) {
      // The caller has checked it against configSchema.
      const config = input.config as Config
      if (config.mode === 'robot') return robot.send(config, input, tools)
      throw new ChannelError('PERMANENT', {
        code: 'MODE_NOT_SUPPORTED',
        message: 'mode app (work notification) is not available yet; use mode robot',
      })
    },
  })
}
