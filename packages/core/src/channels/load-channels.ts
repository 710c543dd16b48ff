import type { Pool } from 'mysql2/promise'
import type { Env } from '../settings/env.ts'
import { importExtension } from '../settings/import-extension.ts'
import type { ChannelAdapter } from './adapter.ts'
import { createDingtalkAdapter } from './dingtalk/index.ts'
import { createLocalAdapter } from './local/index.ts'
import { addChannel, type ChannelRegistry, createChannelRegistry } from './registry.ts'
import { createWechatWorkAdapter } from './wechat-work/index.ts'

/**
 * All channels of this process: the built-in ones in their order, then those named by CHANNEL_ADAPTERS.
 * @throws Error naming the module that does not load and why
 */
export async function loadChannels(env: Env, pool: Pool): Promise<ChannelRegistry> {
  const registry = createChannelRegistry([
    createDingtalkAdapter({ baseUrl: env.dingtalkBaseUrl, apiBaseUrl: env.dingtalkApiBaseUrl }),
    createWechatWorkAdapter({ baseUrl: env.wechatWorkBaseUrl }),
    createLocalAdapter({ pool }),
  ])
  for (const specifier of env.channelAdapters) {
    await importExtension<ChannelAdapter>('CHANNEL_ADAPTERS', specifier, (adapter) => {
      requireParts(adapter)
      addChannel(registry, adapter)
    })
  }
  return registry
}

/** A module from outside is not type-checked. */
function requireParts(adapter: ChannelAdapter): void {
  const missing = ['type', 'configSchema', 'secretFields', 'messageTypes', 'rateLimit'].filter(
    (key) => !(key in adapter),
  )
  if (typeof adapter.send !== 'function') missing.push('function send')
  if (missing.length > 0) throw new Error(`it has no ${missing.join(', ')}`)
}
