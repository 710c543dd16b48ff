import type { Pool } from 'mysql2/promise'
import { createAnnouncer } from '../inbox/wake-ups.ts'
import type { RedisConnection } from '../queues/redis.ts'
import type { Cipher } from '../secrets/cipher.ts'
import type { Env } from '../settings/env.ts'
import { importExtension } from '../settings/import-extension.ts'
import { createAccessTokens } from './access-tokens.ts'
import type { ChannelAdapter } from './adapter.ts'
import { createDingtalkAdapter } from './dingtalk/index.ts'
import { createLocalAdapter } from './local/index.ts'
import { addChannel, type ChannelRegistry, createChannelRegistry } from './registry.ts'
import { createWechatWorkAdapter } from './wechat-work/index.ts'

export interface ChannelDependencies {
  pool: Pool
  /** Where the processes share the access tokens of apps. */
  redis: RedisConnection
  cipher: Cipher
  /** Hears of trouble with the shared access tokens; sends go on without. */
  onTokenError(error: unknown): void
  /** Hears of wake-ups for open inbox streams that could not be sent; the streams look by themselves. */
  onWakeUpError(error: unknown): void
}

/**
 * All channels of this process: the built-in ones in their order, then those named by CHANNEL_ADAPTERS. Talks to nobody.
 * @throws Error naming the module that does not load and why
 */
export async function loadChannels(env: Env, dependencies: ChannelDependencies): Promise<ChannelRegistry> {
  const { pool, redis, cipher, onTokenError, onWakeUpError } = dependencies
  const keyPrefix = `${env.queuePrefix}:token`
  const tokens = createAccessTokens({ redis, cipher, keyPrefix, onError: onTokenError })
  const registry = createChannelRegistry([
    createDingtalkAdapter({ baseUrl: env.dingtalkBaseUrl, apiBaseUrl: env.dingtalkApiBaseUrl, tokens }),
    createWechatWorkAdapter({ baseUrl: env.wechatWorkBaseUrl, tokens }),
    createLocalAdapter({ pool, onDelivered: createAnnouncer(env, redis, onWakeUpError) }),
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
