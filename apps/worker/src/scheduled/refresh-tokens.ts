import type { AdapterLogger, Fetch } from '@message-center/core/channels/adapter.ts'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import { type CandidateConfig, findEnabledConfigs } from '@message-center/core/configs/candidates.ts'
import { openSettings } from '@message-center/core/configs/channel-config-secrets.ts'
import type { Cipher } from '@message-center/core/secrets/cipher.ts'
import type { UpkeepMetrics } from '@message-center/core/telemetry/metrics.ts'
import type { Pool } from 'mysql2/promise'
import { classify } from '../delivery/outcome.ts'

export interface RefreshDependencies {
  pool: Pool
  registry: ChannelRegistry
  cipher: Cipher
  fetch: Fetch
  metrics: Pick<UpkeepMetrics, 'tokenRefreshes'>
  logger: AdapterLogger
}

const AT_ONCE = 10

/**
 * Has the access tokens of all enabled configs fetched anew that have less than `aheadMs` left, so that no message waits for it.
 * What one provider refuses is told and keeps nobody else from his token.
 * @returns what was done, for people
 */
export async function refreshTokens(aheadMs: number, signal: AbortSignal, deps: RefreshDependencies): Promise<string> {
  const types = [...deps.registry].flatMap(([type, { adapter }]) => (adapter.refreshToken ? [type] : []))
  const configs = await findEnabledConfigs(deps.pool, types)
  const rest = configs[Symbol.iterator]()
  let refreshed = 0
  const work = async () => {
    for (const config of rest) {
      if (signal.aborted) return
      if (await refreshOne(config, aheadMs, signal, deps)) refreshed += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return `${refreshed} access tokens fetched for ${configs.length} configs`
}

async function refreshOne(
  config: CandidateConfig,
  aheadMs: number,
  signal: AbortSignal,
  { registry, cipher, fetch, metrics, logger }: RefreshDependencies,
): Promise<boolean> {
  const { channelType: channel, tenantId, id: configId } = config
  try {
    const { adapter } = registry.get(channel) ?? {}
    const fetched = await adapter?.refreshToken?.(openSettings(cipher, config), aheadMs, { fetch, signal, logger })
    if (fetched === true) metrics.tokenRefreshes.inc({ channel, outcome: 'success' })
    return fetched === true
  } catch (error) {
    const { errorClass, code, message } = classify(error)
    metrics.tokenRefreshes.inc({ channel, outcome: errorClass.toLowerCase() })
    logger.warn({ tenantId, configId, channel, code, reason: message }, 'an access token could not be refreshed')
    return false
  }
}
