import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, describe, expect, inject, test } from 'vitest'
import { until } from '../../../devkit/src/testing/until.ts'
import type { CandidateConfig } from '../configs/candidates.ts'
import { createCircuitAnswers } from './circuit-answers.ts'
import { CIRCUIT_RULES, type CircuitRules, createCircuitStore } from './circuit-store.ts'
import { type Circuits, createCircuits } from './circuits.ts'

const redis = new Redis(inject('redisUrl'))
const running: Circuits[] = []
afterAll(() => redis.disconnect())
afterEach(() => {
  for (const circuits of running.splice(0)) circuits.stop()
})

const config = (id: string, priority = 1): CandidateConfig => ({
  id,
  tenantId: '1',
  storeId: null,
  channelType: 'DINGTALK',
  channelName: id,
  configJson: '',
  priority,
  rateLimit: { count: 1, windowMs: 1 },
  timeWindow: null,
  overflowPolicy: 'REJECT',
  monthlyQuota: null,
  unknownOutcomePolicy: 'RESEND',
  retry: { max: null, initialDelayMs: null },
})

/** Processes that share their circuits, and the commands that reach Redis from them. */
function processes(count: number, rules: CircuitRules = CIRCUIT_RULES) {
  const key = `{${randomUUID()}}:circuits`
  const store = createCircuitStore({ redis, key, rules })
  const open: ReadonlyMap<string, number>[] = []
  const errors: unknown[] = []
  const all = Array.from({ length: count }, () => {
    const circuits = createCircuits({
      store,
      onError: (error) => errors.push(error),
      onLook: (seen) => open.push(seen),
    })
    running.push(circuits)
    return circuits
  })
  return { key, store, all, open, errors }
}

async function fail(circuits: Circuits, failing: CandidateConfig, count = CIRCUIT_RULES.threshold): Promise<void> {
  for (let each = 0; each < count; each++) circuits.note(failing, each % 2 === 0 ? 'TRANSIENT' : 'UNKNOWN')
}
const ids = (ranked: readonly CandidateConfig[]) => ranked.map(({ id }) => id)
const resting = async (circuits: Circuits, candidates: CandidateConfig[], last: string) =>
  until(`${last} to be rested`, async () => ids(await circuits.ranked(candidates)).at(-1) === last)

describe('a config whose provider keeps failing', () => {
  test('moves behind its standby in every process, and is back in front after one success', async () => {
    const { all, store } = processes(2)
    const [failing, other] = all
    if (!failing || !other) throw new Error('two processes')
    const candidates = [config('first'), config('standby', 2)]
    await fail(failing, candidates[0] as CandidateConfig)
    await resting(failing, candidates, 'first')
    await resting(other, candidates, 'first')
    other.note(candidates[0] as CandidateConfig, 'SUCCESS')
    await until('the circuit to be closed', async () => (await store.view()).entries.size === 0)
    for (const circuits of all) {
      await until('first in front', async () => ids(await circuits.ranked(candidates))[0] === 'first')
    }
  })

  test('leaves its pool to the others, and comes last where nobody has room', async () => {
    const { all } = processes(1)
    const [circuits] = all
    if (!circuits) throw new Error('a process')
    const candidates = [config('a'), config('b'), config('c', 2)]
    await fail(circuits, candidates[0] as CandidateConfig)
    await resting(circuits, candidates, 'a')
    const ranked = await circuits.ranked(candidates)
    expect(ids(ranked)).toEqual(['b', 'c', 'a'])
    expect(new Set(ranked.map(({ priority }) => priority)).size).toBe(3)
  })

  test('changes nothing where there is no other, or the others fail as well', async () => {
    const { all, store } = processes(1)
    const [circuits] = all
    if (!circuits) throw new Error('a process')
    const candidates = [config('a'), config('b', 2)]
    for (const each of candidates) await fail(circuits, each)
    await until('both to be open', async () => [...(await store.view()).entries.values()].every(({ open }) => open))
    expect(await circuits.ranked(candidates)).toEqual(candidates)
    expect(await circuits.ranked(candidates.slice(0, 1))).toEqual(candidates.slice(0, 1))
  })

  test('gets one message after its rest, in front of its pool; a standby gets none', async () => {
    const { all, store } = processes(2, { ...CIRCUIT_RULES, firstRestMs: 1, longestRestMs: 60_000 })
    const [circuits] = all
    if (!circuits) throw new Error('a process')
    const first = config('first')
    await fail(circuits, first)
    await until('the circuit to be open', async () => (await store.view()).entries.get('first')?.open)
    const candidates = [config('pool'), first, config('standby', 2)]
    await until('the probe', async () => ids(await circuits.ranked(candidates))[0] === 'first')
    const behind = [config('in-front', 0), first]
    await until('its rest', async () => ids(await circuits.ranked(behind)).at(-1) === 'first')
  })
})

test('what fails for its own sake, or comes too often, opens nothing', async () => {
  const { all, store } = processes(1)
  for (const outcome of ['PERMANENT', 'RATE_LIMITED', 'TOKEN_EXPIRED'] as const)
    for (let count = 0; count < 10; count++) all[0]?.note(config('a'), outcome)
  await redis.ping()
  expect((await store.view()).entries.size).toBe(0)
})

test('successes cost no command as long as nothing failed, nor does routing', async () => {
  const { all, key } = processes(1)
  const [circuits] = all
  for (let count = 0; count < 100; count++) {
    circuits?.note(config('a'), 'SUCCESS')
    await circuits?.ranked([config('a'), config('b', 2)])
  }
  expect(await redis.exists(key)).toBe(0)
  const monitored = createCircuits({
    store: {
      fail: () => Promise.reject(new Error('asked')),
      succeed: () => Promise.reject(new Error('asked')),
      takeProbe: () => Promise.reject(new Error('asked')),
      view: async () => ({ now: 0, entries: new Map() }),
    },
    onError: (error) => {
      throw error
    },
    onLook: () => undefined,
  })
  running.push(monitored)
  monitored.note(config('a'), 'SUCCESS')
  expect(ids(await monitored.ranked([config('a'), config('b', 2)]))).toEqual(['a', 'b'])
})

test('open circuits are counted by channel', async () => {
  const { all, open } = processes(1)
  await fail(all[0] as Circuits, config('a'))
  await fail(all[0] as Circuits, config('b'), CIRCUIT_RULES.threshold - 1)
  await until('one open circuit', () => open.some((seen) => seen.get('DINGTALK') === 1))
})

describe('what people are shown', () => {
  test('the state, since when, and when a message may try it', async () => {
    const { all, store } = processes(1)
    const answers = createCircuitAnswers(store, (error) => {
      throw error
    })
    expect(await answers.of(['a', 'b'])).toEqual([{ state: 'CLOSED' }, { state: 'CLOSED' }])
    await fail(all[0] as Circuits, config('b'))
    const shown = await until('b to be open', async () => {
      const [, b] = await answers.of(['a', 'b'])
      return b?.state === 'OPEN' && b
    })
    const rest = Date.parse(shown.nextProbeAt ?? '') - Date.parse(shown.since ?? '')
    expect(rest).toBe(CIRCUIT_RULES.firstRestMs)
    await answers.forget('b')
    expect(await answers.of(['b'])).toEqual([{ state: 'CLOSED' }])
  })

  test('UNKNOWN without Redis', async () => {
    const away = new Redis({ port: 1, lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null })
    away.on('error', () => undefined)
    const heard: unknown[] = []
    const answers = createCircuitAnswers(createCircuitStore({ redis: away, key: '{x}' }), (error) => heard.push(error))
    expect(await answers.of(['a'])).toEqual([{ state: 'UNKNOWN' }])
    await answers.forget('a')
    expect(heard).toHaveLength(2)
  })
})
