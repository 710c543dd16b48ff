import type { Fetch } from '@message-center/core/channels/adapter.ts'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import { sendTest } from '@message-center/core/channels/test-send.ts'
import { secretsIn } from '@message-center/core/configs/channel-config-secrets.ts'
import type { ChannelConfigStore } from '@message-center/core/configs/channel-config-store.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { ConfigTester } from './routes/channel-configs.ts'

/** Sends test messages by stored configs. */
export function createConfigTester(deps: {
  store: ChannelConfigStore
  registry: ChannelRegistry
  fetch: Fetch
  timeoutMs: number
  stopping: AbortSignal
}): ConfigTester {
  const { store, registry, ...sending } = deps
  return async (tenantId, id, input, logger) => {
    const { channelType, settings } = await store.open(tenantId, id)
    const adapter = registry.get(channelType)?.adapter
    if (!adapter) throw new AppError('CONFLICT', `no adapter is loaded for ${channelType}`)
    const secrets = secretsIn(settings, adapter.secretFields)
    return sendTest({ adapter, settings, secrets, tenantId, input, logger, ...sending })
  }
}
