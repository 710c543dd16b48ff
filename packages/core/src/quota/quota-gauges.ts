import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { Registry } from 'prom-client'
import { QUOTA_METRICS } from '../telemetry/metric-definitions.ts'
import { registerMetrics } from '../telemetry/metrics.ts'
import type { QuotaMonth } from './quota-month.ts'
import { readQuotaUse } from './quota-usage.ts'

/** Those nearest to their quota; with more configs than this, the others are far from any alert. */
const MAX_CONFIGS = 200

/**
 * Gauges of monthly quotas, read from MySQL when they are asked for: the same figures in every process. An alert at 80 %
 * is `message_center_monthly_quota_used / message_center_monthly_quota > 0.8`.
 * @param onError a scrape that cannot read them goes without them
 */
export function exposeQuotas(registry: Registry, pool: Pool, monthOf: QuotaMonth, onError: (error: unknown) => void) {
  let reading: Promise<void> | undefined
  /** A scrape asks both gauges at once: they share what is read. */
  const refresh = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
  const { most, used } = registerMetrics(registry, QUOTA_METRICS, refresh)

  async function read(): Promise<void> {
    const configs = await mostUsed(pool, monthOf).catch((error: unknown) => {
      onError(error)
      return []
    })
    most.reset()
    used.reset()
    for (const { channelType: channel, configId: config, ...figures } of configs) {
      most.set({ channel, config }, figures.most)
      used.set({ channel, config }, figures.sends)
    }
  }
}

async function mostUsed(pool: Pool, monthOf: QuotaMonth) {
  const [rows] = await pool.query<RowDataPacket[]>(
    'SELECT id, channel_type, monthly_quota FROM msg_channel_config WHERE enabled = 1 AND monthly_quota IS NOT NULL',
  )
  const configs = rows.map((row) => ({
    configId: String(row.id),
    channelType: String(row.channel_type),
    most: Number(row.monthly_quota),
    month: monthOf(row.channel_type),
  }))
  const uses = new Map((await readQuotaUse(pool, configs)).map(({ configId, sends }) => [configId, sends]))
  return configs
    .map((config) => ({ ...config, sends: uses.get(config.configId) ?? 0 }))
    .sort((a, b) => b.sends / b.most - a.sends / a.most)
    .slice(0, MAX_CONFIGS)
}
