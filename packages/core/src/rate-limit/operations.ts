/** At most `most` sends start in a calendar month. */
export interface MonthlyQuota {
  most: number
  /** `2026-11` */
  month: string
  /** Sends of the month that MySQL knows: the least that has been used, whatever Redis remembers. */
  known: number
}

/** At most `count` sends start in any stretch of `windowMs`, wherever it begins. The log belongs to (configId, windowMs). */
export interface RateLimit {
  configId: string
  count: number
  windowMs: number
  quota?: MonthlyQuota
}

/**
 * A config that may take a message; `DEFER`: it may also take it for a later time, when it has no room now; `MERGE`:
 * likewise, and those who wait will share a send.
 */
export interface Candidate extends RateLimit {
  policy: 'REJECT' | 'DEFER' | 'MERGE'
}

/** One slot on one of a channel's configs. */
export interface ReserveRequest {
  /** The same whenever the same work is done again, e.g. `${messageId}:${channelType}`: the reservation is then found. */
  member: string
  /** In order of priority; the configs of a group are a pool. */
  groups: Candidate[][]
}

export type Operation =
  | { name: 'reserve'; member: string; groups: Candidate[][] }
  | { name: 'start'; member: string; limit: RateLimit }
  | { name: 'settle' | 'giveBack'; limit: RateLimit; bucket: number }
  | { name: 'seed'; limit: RateLimit; sends: number }
  | { name: 'release'; member: string; limit: RateLimit }
  | { name: 'peek'; limit: RateLimit; most: number }
  | { name: 'advance'; limit: RateLimit; withinMs: number; most: number }
  | { name: 'snapshot'; limit: RateLimit }

/** A batch in the form of rate-limit.lua; `configIds[n - 1]` is the script's config n. */
export interface EncodedBatch {
  keys: string[]
  request: {
    maxCall: number
    configs: [count: number, windowMs: number, quota: number, known: number][]
    operations: unknown[][]
  }
  configIds: string[]
}

const OVERFLOW: Record<Candidate['policy'], number> = { REJECT: 0, DEFER: 1, MERGE: 2 }
/** Keys of a config: rate-limit.lua names them. */
const KEYS_PER_CONFIG = 6

/**
 * Puts operations into the form of rate-limit.lua. Where callers name different counts for one config (one of them has not
 * heard of an edit yet), the smallest holds for the batch. Where they name different months, the latest does: what was used up
 * of the one before takes nothing from it.
 */
export function encodeBatch(operations: readonly Operation[], keyPrefix: string, maxCall: number): EncodedBatch {
  const keys: string[] = []
  const configIds: string[] = []
  const configs: EncodedBatch['request']['configs'] = []
  const numbers = new Map<string, number>()
  const months = latestMonths(operations)

  function add({ configId, windowMs, count }: RateLimit): number {
    const name = `${keyPrefix}:${configId}:${windowMs}`
    for (const part of ['starts', 'startCounts', 'flights', 'flightCounts']) keys.push(`${name}:${part}`)
    // The order of those who wait outlives a change of the window.
    keys.push(`${keyPrefix}:${configId}:line`, `${keyPrefix}:${configId}:sends`)
    configIds.push(configId)
    return configs.push([count, windowMs, 0, 0])
  }

  function numberOf(limit: RateLimit): number {
    const name = nameOf(limit)
    const number = numbers.get(name) ?? add(limit)
    numbers.set(name, number)
    const [config, { quota }] = [configs[number - 1], limit]
    if (!config) return number
    config[0] = Math.min(config[0], limit.count)
    if (!quota || !isOfMonth(limit)) return number
    config[2] = config[2] === 0 ? quota.most : Math.min(config[2], quota.most)
    config[3] = Math.max(config[3], quota.known)
    keys[number * KEYS_PER_CONFIG - 1] = `${keyPrefix}:${limit.configId}:${quota.month}:sends`
    return number
  }

  function isOfMonth({ quota, ...limit }: RateLimit): boolean {
    return quota?.month === months.get(nameOf(limit))
  }

  const encoded = operations.map((operation) => encode(operation, numberOf, isOfMonth))
  return { keys: [...keys, `${keyPrefix}:since`], configIds, request: { maxCall, configs, operations: encoded } }
}

/** Operations that share keys. */
function nameOf({ configId, windowMs }: RateLimit): string {
  return `${configId} ${windowMs}`
}

/** The latest month that any operation names of a config. */
function latestMonths(operations: readonly Operation[]): Map<string, string> {
  const latest = new Map<string, string>()
  for (const operation of operations) {
    for (const limit of operation.name === 'reserve' ? operation.groups.flat() : [operation.limit]) {
      if (limit.quota && limit.quota.month > (latest.get(nameOf(limit)) ?? ''))
        latest.set(nameOf(limit), limit.quota.month)
    }
  }
  return latest
}

function encode(
  operation: Operation,
  numberOf: (limit: RateLimit) => number,
  isOfMonth: (limit: RateLimit) => boolean,
): unknown[] {
  switch (operation.name) {
    case 'reserve': {
      const { name, member, groups } = operation
      const flag = (candidate: Candidate) => [numberOf(candidate), OVERFLOW[candidate.policy]]
      return [name, member, groups.map((group) => group.map(flag))]
    }
    case 'start':
    case 'release':
      return [operation.name, operation.member, numberOf(operation.limit)]
    case 'settle':
      return [operation.name, numberOf(operation.limit), operation.bucket]
    case 'giveBack':
      return [operation.name, numberOf(operation.limit), operation.bucket, isOfMonth(operation.limit) ? 1 : 0]
    case 'seed':
      return [operation.name, numberOf(operation.limit), operation.sends]
    case 'peek':
      return [operation.name, numberOf(operation.limit), operation.most]
    case 'advance':
      return [operation.name, numberOf(operation.limit), operation.withinMs, operation.most]
    case 'snapshot':
      return [operation.name, numberOf(operation.limit)]
  }
}

/** @throws RangeError for a limit that the script could not work with */
export function checkLimit({ configId, count, windowMs }: RateLimit): void {
  if (!(Number.isSafeInteger(count) && count > 0 && Number.isSafeInteger(windowMs) && windowMs > 0)) {
    throw new RangeError(`rate limit of config ${configId} must be positive integers: ${count} per ${windowMs} ms`)
  }
}
