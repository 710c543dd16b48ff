import type { Pool } from 'mysql2/promise'
import type { Env } from '../settings/env.ts'
import { importExtension } from '../settings/import-extension.ts'
import type { ChannelAdapter } from './adapter.ts'
import { createDingtalkAdapter } from './dingtalk/index.ts'
import { createLocalAdapter } from './local/index.ts'
import { type ChannelRegistry, createChannelRegistry } from './registry.ts'
import { createWechatWorkAdapter } from './wechat-work/index.ts'

/**
 * All channels of this process: the built-in ones in their order, then those named by CHANNEL_ADAPTERS.
 * @throws Error naming the module that does not load and why
 */
export async function loadChannels(env: Env, pool: Pool): Promise<ChannelRegistry> {
  const builtIn = [
    createDingtalkAdapter({ baseUrl: env.dingtalkBaseUrl, apiBaseUrl: env.dingtalkApiBaseUrl }),
    createWechatWorkAdapter({ baseUrl: env.wechatWorkBaseUrl }),
    createLocalAdapter({ pool }),
  ]
  const added = await Promise.all(
    env.channelAdapters.map((module) => importExtension<ChannelAdapter>('CHANNEL_ADAPTERS', module)),
  )
  for (const [index, adapter] of added.entries()) {
    const missing = ['type', 'configSchema', 'secretFields', 'messageTypes', 'rateLimit', 'send'].filter(
      (key) => !(key in adapter),
    )
    if (missing.length > 0)
      throw new Error(`CHANNEL_ADAPTERS: ${env.channelAdapters[index]} exports no ${missing.join(', ')}`)
  }
  return createChannelRegistry([...builtIn, ...added])
}
