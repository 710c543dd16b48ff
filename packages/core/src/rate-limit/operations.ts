/** At most `count` sends start in any stretch of `windowMs`, wherever it begins. The log belongs to (configId, windowMs). */
export interface RateLimit {
  configId: string
  count: number
  windowMs: number
}

/** A config that may take a message; `DEFER`: it may also take it for a later time, when it has no room now. */
export interface Candidate extends RateLimit {
  policy: 'REJECT' | 'DEFER'
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
  | { name: 'settle'; limit: RateLimit; bucket: number }
  | { name: 'release'; member: string; limit: RateLimit }
  | { name: 'snapshot'; limit: RateLimit }

/** A batch in the form of rate-limit.lua; `configIds[n - 1]` is the script's config n. */
export interface EncodedBatch {
  keys: string[]
  request: { maxCall: number; configs: [count: number, windowMs: number][]; operations: unknown[][] }
  configIds: string[]
}

/**
 * Puts operations into the form of rate-limit.lua. Where callers name different counts for one config (one of them has not
 * heard of an edit yet), the smallest holds for the batch.
 */
export function encodeBatch(operations: readonly Operation[], keyPrefix: string, maxCall: number): EncodedBatch {
  const keys: string[] = []
  const configIds: string[] = []
  const configs: [number, number][] = []
  const numbers = new Map<string, number>()

  function numberOf({ configId, windowMs, count }: RateLimit): number {
    const name = `${keyPrefix}:${configId}:${windowMs}`
    const known = numbers.get(name)
    const config = known === undefined ? undefined : configs[known - 1]
    if (known !== undefined && config !== undefined) {
      config[0] = Math.min(config[0], count)
      return known
    }
    for (const part of ['starts', 'startCounts', 'flights', 'flightCounts', 'line']) keys.push(`${name}:${part}`)
    configIds.push(configId)
    numbers.set(name, configs.push([count, windowMs]))
    return configs.length
  }

  return {
    keys,
    configIds,
    request: { maxCall, configs, operations: operations.map((operation) => encode(operation, numberOf)) },
  }
}

function encode(operation: Operation, numberOf: (limit: RateLimit) => number): unknown[] {
  switch (operation.name) {
    case 'reserve': {
      const { name, member, groups } = operation
      const flag = (candidate: Candidate) => [numberOf(candidate), candidate.policy === 'DEFER' ? 1 : 0]
      return [name, member, groups.map((group) => group.map(flag))]
    }
    case 'start':
    case 'release':
      return [operation.name, operation.member, numberOf(operation.limit)]
    case 'settle':
      return [operation.name, numberOf(operation.limit), operation.bucket]
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
