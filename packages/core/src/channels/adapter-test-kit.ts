import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createFailFastRedis } from '../queues/redis.ts'
import { createCipher } from '../secrets/cipher.ts'
import { createAccessTokens } from './access-tokens.ts'
import type { ChannelAdapter, SendInput, SendOutcome, SendTools } from './adapter.ts'
import { createProviderFetch } from './http.ts'

const KEY = randomBytes(32)

/** Access tokens as one process has them, with a Redis connection of its own. Those of the same `keyPrefix` share. */
export function createTestTokens(redisUrl: string, keyPrefix = `{token-test-${randomUUID()}}`) {
  const redis = createFailFastRedis({
    redisUrl,
    redisClusterNodes: [],
    redisSentinels: [],
    redisSentinelName: undefined,
  })
  const errors: unknown[] = []
  redis.on('error', (error) => errors.push(error))
  const cipher = createCipher([{ kid: 'test', key: KEY }])
  const onError = (error: unknown): void => void errors.push(error)
  return {
    tokens: createAccessTokens({ redis, cipher, keyPrefix, onError }),
    redis,
    keyPrefix,
    /** What was reported. */
    errors,
    /** Resolves when Redis can be used: commands do not wait for the connection. */
    connected: () => (redis.status === 'ready' ? Promise.resolve() : once(redis, 'ready')),
    close: () => redis.disconnect(),
  }
}

const noLog = (): void => {}
export const NOBODY = { userIds: [], mobiles: [], all: false }

/** Sends through an adapter as a worker does: one task, its progress kept from call to call. */
export function createTestSender(adapter: ChannelAdapter, config: Record<string, unknown>) {
  const { fetch, close } = createProviderFetch({ timeoutMs: 20_000 })
  const logger = { debug: noLog, info: noLog, warn: noLog, error: noLog }
  const task = { tenantId: '1', messageId: 'm', taskId: '7' }
  const saved: unknown[] = []
  const tools: SendTools = {
    fetch,
    signal: new AbortController().signal,
    logger,
    async saveProgress(progress) {
      saved.push(structuredClone(progress))
    },
  }
  return {
    tools,
    /** Every progress that was saved, oldest first. */
    saved,
    send: (input: Partial<SendInput> = {}): Promise<SendOutcome> =>
      adapter.send(
        {
          config,
          messageType: 'TEXT',
          content: 'hi',
          recipients: NOBODY,
          idempotencyKey: 'mc-7',
          task,
          progress: saved.at(-1),
          ...input,
        },
        tools,
      ),
    refreshToken: (aheadMs: number) => adapter.refreshToken?.(config, aheadMs, tools),
    recall: (providerMessageId: string | null) => adapter.recall?.({ config, providerMessageId, task }, tools),
    checkResult: (providerMessageId: string | null) =>
      adapter.checkResult?.({ config, providerMessageId, task }, tools),
    close,
  }
}
