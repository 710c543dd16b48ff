import { compileValidator, type Validator } from '../contracts/validator.ts'
import type { ChannelAdapter } from './adapter.ts'

/** An adapter with its compiled config check. */
export interface RegisteredChannel {
  adapter: ChannelAdapter
  /** Faults of a `configJson`: by the adapter's schema, then by its own check. */
  checkConfig: Validator
}

/** The channels of this process, in the order in which they were registered. */
export type ChannelRegistry = ReadonlyMap<string, RegisteredChannel>

const TYPE_PATTERN = /^[A-Z][A-Z0-9_]{0,31}$/

/**
 * Builds the registry; the order of the list is the channel order of messages.
 * @throws Error naming the adapter that is malformed or registered twice
 */
export function createChannelRegistry(adapters: readonly ChannelAdapter[]): Map<string, RegisteredChannel> {
  const registry = new Map<string, RegisteredChannel>()
  for (const adapter of adapters) addChannel(registry, adapter)
  return registry
}

/**
 * Puts one more channel at the end.
 * @throws Error where the adapter is malformed or its type is there already
 */
export function addChannel(registry: Map<string, RegisteredChannel>, adapter: ChannelAdapter): void {
  if (!TYPE_PATTERN.test(adapter.type))
    throw new Error(`channel adapter '${adapter.type}': type must match ${TYPE_PATTERN}`)
  if (registry.has(adapter.type)) throw new Error(`channel adapter '${adapter.type}' is registered twice`)
  registry.set(adapter.type, { adapter, checkConfig: configCheck(adapter) })
}

function configCheck(adapter: ChannelAdapter): Validator {
  const checkShape = compileValidator(adapter.configSchema)
  return (config) => {
    const faults = checkShape(config)
    if (faults.length > 0) return faults
    return adapter.checkConfig?.(config as Record<string, unknown>) ?? []
  }
}
