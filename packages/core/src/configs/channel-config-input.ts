import type { ChannelRegistry, RegisteredChannel } from '../channels/registry.ts'
import type { ChannelConfigInput } from '../contracts/channel-configs.ts'
import { AppError, invalidField } from '../contracts/errors.ts'
import { normalizeId } from '../contracts/ids.ts'
import { MASK } from './channel-config-secrets.ts'

type Settings = Record<string, unknown>

/** @throws AppError VALIDATION_FAILED where no such channel is registered */
export function channelOf(
  registry: ChannelRegistry,
  { channelType }: Pick<ChannelConfigInput, 'channelType'>,
): RegisteredChannel {
  const channel = registry.get(channelType)
  if (!channel) throw invalidField('channelType', `is not known; known are ${[...registry.keys()].join(', ')}`)
  return channel
}

/** @throws AppError VALIDATION_FAILED where `configJson` is neither an object nor a string holding one */
export function settingsOf({ configJson }: ChannelConfigInput): Settings {
  if (typeof configJson !== 'string') return configJson as Settings
  try {
    const parsed: unknown = JSON.parse(configJson)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Settings
  } catch (error) {
    // The parser's own text quotes what it read, and that may be a secret.
    const [path, message] = ['configJson', 'is a string that is not JSON']
    const extras = { details: [{ path, message }] }
    throw new AppError('VALIDATION_FAILED', `${path} ${message}`, extras, { cause: error })
  }
  throw invalidField('configJson', 'must be an object, or a string holding one')
}

/** @throws AppError VALIDATION_FAILED with every fault by the adapter's schema and its own checks, or for a mask */
export function checkSettings(channel: RegisteredChannel, settings: Settings): void {
  const masked = Object.keys(settings).find((key) => settings[key] === MASK)
  if (masked)
    throw invalidField(`configJson.${masked}`, `is '${MASK}', which stands for a stored secret; there is none to keep`)
  const faults = channel
    .checkConfig(settings)
    .map(({ path, message }) => ({ path: path ? `configJson.${path}` : 'configJson', message }))
  const [first] = faults
  if (first) throw new AppError('VALIDATION_FAILED', `${first.path} ${first.message}`, { details: faults })
}

/** The columns that a body sets but the settings. What it leaves out gets its default; the rate limit's is the adapter's. */
export function toColumns(input: ChannelConfigInput, { adapter }: RegisteredChannel) {
  return {
    storeId: input.storeId === undefined || input.storeId === null ? null : (normalizeId(input.storeId) ?? null),
    channelType: input.channelType,
    channelName: input.channelName,
    priority: input.priority ?? 1,
    enabled: Number(input.enabled ?? true),
    rateLimitCount: input.rateLimitCount ?? adapter.rateLimit.count,
    rateLimitWindow: input.rateLimitWindow ?? adapter.rateLimit.window,
    rateLimitUnit: input.rateLimitUnit ?? adapter.rateLimit.unit,
    timeWindowEnabled: Number(input.timeWindowEnabled ?? false),
    timeWindowStartHour: input.timeWindowStartHour ?? 0,
    timeWindowEndHour: input.timeWindowEndHour ?? 23,
    timeWindowPolicy: input.timeWindowPolicy ?? 'REJECT',
    overflowPolicy: input.overflowPolicy ?? 'REJECT',
    monthlyQuota: input.monthlyQuota ?? null,
    unknownOutcomePolicy: input.unknownOutcomePolicy ?? 'RESEND',
    retryMax: input.retry?.max ?? null,
    retryInitialDelayMs: input.retry?.initialDelayMs ?? null,
  }
}
