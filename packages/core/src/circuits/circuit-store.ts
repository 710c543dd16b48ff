import { readFileSync } from 'node:fs'
import type { RedisConnection } from '../queues/redis.ts'
import { createScript } from '../queues/redis-script.ts'
import type { Env } from '../settings/env.ts'

/** A config that failed lately. Times are epoch ms of Redis's clock. */
export interface CircuitEntry {
  channelType: string
  /** In a row. */
  failures: number
  open: boolean
  /** When it opened; 0 where it did not. */
  since: number
  /** When the next probe may be sent. */
  probeAt: number
  /** A probe was sent and has not been heard of. */
  probing: boolean
}

export interface CircuitRules {
  /** Failures in a row that open a circuit. */
  threshold: number
  /** Until the first probe; doubles with every probe that fails. */
  firstRestMs: number
  longestRestMs: number
  /** How long what failed is remembered after its last failure, or its rest. */
  keptMs: number
}

/**
 * More in a row than one message makes by default (its first attempt and three retries): one message that cannot be sent
 * opens nothing.
 */
export const CIRCUIT_RULES: CircuitRules = {
  threshold: 5,
  firstRestMs: 10_000,
  longestRestMs: 600_000,
  keptMs: 900_000,
}

/** The circuits that all processes share (circuit.lua tells how they work). Every call rejects when Redis fails. */
export interface CircuitStore {
  /** Notes a failure. @returns what it led to */
  fail(configId: string, channelType: string): Promise<CircuitEntry>
  succeed(configId: string): Promise<void>
  /** @returns whether the caller is to send the probe */
  takeProbe(configId: string): Promise<boolean>
  /** All that failed lately. */
  view(): Promise<{ now: number; entries: Map<string, CircuitEntry> }>
}

/** The key of a system's circuits. */
export function circuitKey({ queuePrefix }: Pick<Env, 'queuePrefix'>): string {
  return `${queuePrefix}:circuits`
}

const runCircuit = createScript(readFileSync(new URL('./circuit.lua', import.meta.url), 'utf8'))

/** @param options.now a clock instead of Redis's own, epoch ms */
export function createCircuitStore(options: {
  redis: RedisConnection
  key: string
  rules?: CircuitRules
  now?: () => number
}): CircuitStore {
  const { redis, key, rules = CIRCUIT_RULES, now } = options
  const { threshold, firstRestMs, longestRestMs, keptMs } = rules
  const run = (...operation: string[]) =>
    runCircuit(redis, [key], [now?.() ?? '', threshold, firstRestMs, longestRestMs, keptMs, ...operation])
  return {
    fail: async (configId, channelType) => entryOf(String(await run('fail', configId, channelType))),
    async succeed(configId) {
      await run('succeed', configId)
    },
    takeProbe: async (configId) => (await run('probe', configId)) === 1,
    async view() {
      const [time, ...pairs] = (await run('view')) as string[]
      const entries = new Map<string, CircuitEntry>()
      for (let index = 0; index < pairs.length; index += 2) {
        entries.set(pairs[index] ?? '', entryOf(pairs[index + 1] ?? ''))
      }
      return { now: Number(time), entries }
    },
  }
}

function entryOf(text: string): CircuitEntry {
  const [failures, rests, since, probeAt, probing, , channelType = ''] = text.split(' ')
  return {
    channelType,
    failures: Number(failures),
    open: Number(rests) > 0,
    since: Number(since),
    probeAt: Number(probeAt),
    probing: probing === '1',
  }
}
