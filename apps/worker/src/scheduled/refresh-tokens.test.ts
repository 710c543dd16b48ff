import { randomBytes } from 'node:crypto'
import { ChannelError } from '@message-center/core/channels/channel-error.ts'
import { createChannelRegistry } from '@message-center/core/channels/registry.ts'
import { sealSettings } from '@message-center/core/configs/channel-config-secrets.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import { UPKEEP_METRICS } from '@message-center/core/telemetry/metric-definitions.ts'
import { createMetrics, registerMetrics } from '@message-center/core/telemetry/metrics.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import type { ResultSetHeader } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { refreshTokens } from './refresh-tokens.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

const cipher = createCipher([{ kid: 'k', key: randomBytes(32) }])
const logged: object[] = []
const log = (fields: object) => void logged.push(fields)
const logger = { debug: log, info: log, warn: log, error: log }

async function storeConfig(channelType: string, settings: Record<string, unknown>, enabled = 1): Promise<void> {
  const [{ insertId }] = await database.pool.query<ResultSetHeader>(
    "INSERT INTO msg_channel_config (tenant_id, channel_type, channel_name, config_json, enabled) VALUES (7, ?, 'app', '', ?)",
    [channelType, enabled],
  )
  const sealed = sealSettings(cipher, { id: String(insertId), tenantId: '7' }, settings)
  await database.pool.query('UPDATE msg_channel_config SET config_json = ? WHERE id = ?', [sealed, insertId])
}

test('each enabled config of a channel with tokens is asked once; one that fails keeps nobody from his token', async () => {
  const asked: unknown[] = []
  const adapter = (type: string) => ({
    type,
    displayName: type,
    configSchema: {},
    secretFields: [],
    messageTypes: ['TEXT' as const],
    rateLimit: { count: 1, window: 1, unit: 'SECOND' as const },
    send: async () => ({ response: null }),
  })
  const fax = {
    ...adapter('FAX'),
    async refreshToken({ app }: Record<string, unknown>, aheadMs: number) {
      asked.push([app, aheadMs])
      if (app === 'broken') throw new ChannelError('PERMANENT', { code: '40001', message: 'wrong secret' })
      return app !== 'fresh'
    },
  }
  const registry = createChannelRegistry([fax, adapter('TELEX')])
  for (const app of ['broken', 'old', 'fresh']) await storeConfig('FAX', { app })
  await storeConfig('FAX', { app: 'disabled' }, 0)
  await storeConfig('TELEX', { app: 'none' })
  const prometheus = createMetrics().registry
  const { tokenRefreshes } = registerMetrics(prometheus, UPKEEP_METRICS)
  const deps = { pool: database.pool, registry, cipher, fetch, metrics: { tokenRefreshes }, logger }
  const told = await refreshTokens(120_000, new AbortController().signal, deps)
  expect(told).toBe('1 access tokens fetched for 3 configs')
  expect(asked.sort()).toEqual([
    ['broken', 120_000],
    ['fresh', 120_000],
    ['old', 120_000],
  ])
  expect(logged).toEqual([expect.objectContaining({ tenantId: '7', channel: 'FAX', code: '40001' })])
  const text = await prometheus.metrics()
  expect(text).toContain('token_refreshes_total{channel="FAX",outcome="success"} 1')
  expect(text).toContain('token_refreshes_total{channel="FAX",outcome="permanent"} 1')
})
