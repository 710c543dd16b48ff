import type { Fetch } from '@message-center/core/channels/adapter.ts'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import { sendTest } from '@message-center/core/channels/test-send.ts'
import { secretsIn } from '@message-center/core/configs/channel-config-secrets.ts'
import type { ChannelConfigStore } from '@message-center/core/configs/channel-config-store.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { addQuotaUse } from '@message-center/core/quota/quota-usage.ts'
import type { Pool } from 'mysql2/promise'
import type { ConfigTester } from './routes/channel-configs.ts'

/** Sends test messages by stored configs. A test is never refused for its config's monthly quota, but counts. */
export function createConfigTester(deps: {
  pool: Pool
  store: ChannelConfigStore
  registry: ChannelRegistry
  fetch: Fetch
  timeoutMs: number
  stopping: AbortSignal
}): ConfigTester {
  const { pool, store, registry, ...sending } = deps
  return async (tenantId, id, input, logger) => {
    const { channelType, settings, month } = await store.open(tenantId, id)
    const adapter = registry.get(channelType)?.adapter
    if (!adapter) throw new AppError('CONFLICT', `no adapter is loaded for ${channelType}`)
    const secrets = secretsIn(settings, adapter.secretFields)
    const result = await sendTest({ adapter, settings, secrets, tenantId, input, logger, ...sending })
    if (month !== undefined) {
      // The message is out: that it could not be counted is no failure of the test.
      await addQuotaUse(pool, [{ configId: id, month, sends: 1 }]).catch((error: unknown) =>
        logger.warn({ err: error, configId: id }, 'a test could not be counted towards the monthly quota'),
      )
    }
    return result
  }
}
