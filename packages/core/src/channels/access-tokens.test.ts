import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import type { TokenApp } from './access-tokens.ts'
import { createTestTokens } from './adapter-test-kit.ts'
import { ChannelError } from './channel-error.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

/** So many processes that share a Redis. */
async function processes(count: number) {
  const keyPrefix = `{token-test-${randomUUID()}}`
  const all = Array.from({ length: count }, () => createTestTokens(inject('redisUrl'), keyPrefix))
  cleanups.push(...all.map(({ close }) => close))
  await Promise.all(all.map(({ connected }) => connected()))
  return all
}

/** An app whose provider gives out `t1`, `t2` … */
function countingApp(
  answer: (fetchNumber: number) => Promise<{ value: string; lifetimeMs: number }> = tokenOfTwoHours,
) {
  let fetches = 0
  const app: TokenApp = {
    identity: ['TEST', randomUUID()],
    fetchToken: () => {
      fetches += 1
      return answer(fetches)
    },
  }
  return { app, fetches: () => fetches }
}

async function tokenOfTwoHours(fetchNumber: number) {
  return { value: `t${fetchNumber}`, lifetimeMs: 7_200_000 }
}

const patient = () => new AbortController().signal

describe('one fetch', () => {
  test('for many who ask at once, in several processes', async () => {
    const { app, fetches } = countingApp()
    const asked = (await processes(3)).flatMap(({ tokens }) =>
      Array.from({ length: 50 }, () => tokens.get(app, patient())),
    )
    const values = (await Promise.all(asked)).map(({ value }) => value)
    expect([new Set(values), fetches()]).toEqual([new Set(['t1']), 1])
  })

  test('for all who come with the same refused token, early or late', async () => {
    const { app, fetches } = countingApp()
    const all = await processes(3)
    const [refused] = await Promise.all(all.map(({ tokens }) => tokens.get(app, patient())))
    if (!refused) throw new Error('no token')
    const renew = () => all.flatMap(({ tokens }) => [1, 2, 3].map(() => tokens.renew(app, refused, patient())))
    const early = await Promise.all(renew())
    const late = await Promise.all(renew())
    expect(new Set([...early, ...late].map(({ value }) => value))).toEqual(new Set(['t2']))
    expect(fetches()).toBe(2)
  })

  test('also where the provider gives the refused token again', async () => {
    const { app, fetches } = countingApp(async () => ({ value: 'same', lifetimeMs: 7_200_000 }))
    const [first, second] = await processes(2)
    const refused = await first?.tokens.get(app, patient())
    if (!first || !second || !refused) throw new Error('no token')
    const again = await Promise.all([first, second].map(({ tokens }) => tokens.renew(app, refused, patient())))
    expect([again.map(({ value }) => value), fetches()]).toEqual([['same', 'same'], 2])
    expect(again[0]?.id).toBe(again[1]?.id)
  })

  test('per app: another secret is another app', async () => {
    const [one] = await processes(1)
    const mine = countingApp()
    const theirs = countingApp()
    await one?.tokens.get(mine.app, patient())
    await one?.tokens.get(theirs.app, patient())
    expect([mine.fetches(), theirs.fetches()]).toEqual([1, 1])
  })
})

describe('a token is used until shortly before its end', () => {
  test.each([
    ['a tenth before', 1_000_000, 900_000],
    ['five minutes before, if a tenth is more', 7_200_000, 6_900_000],
  ])('%s', async (_, lifetimeMs, usableMs) => {
    const [one] = await processes(1)
    const { app } = countingApp(async () => ({ value: 't', lifetimeMs }))
    await one?.tokens.get(app, patient())
    const [key] = (await one?.redis.keys(`${one.keyPrefix}:*`)) ?? []
    const left = await one?.redis.pttl(key ?? '')
    expect(left).toBeGreaterThan(usableMs - 60_000)
    expect(left).toBeLessThanOrEqual(usableMs)
  })

  test('then a new one is fetched, in every process', async () => {
    const { app, fetches } = countingApp(async (n) => ({ value: `t${n}`, lifetimeMs: n === 1 ? 50 : 7_200_000 }))
    const all = await processes(2)
    await Promise.all(all.map(({ tokens }) => tokens.get(app, patient())))
    await vi.waitFor(async () => {
      const now = await Promise.all(all.map(({ tokens }) => tokens.get(app, patient())))
      expect(now.map(({ value }) => value)).toEqual(['t2', 't2'])
    })
    expect(fetches()).toBe(2)
  })
})

describe('in Redis', () => {
  test('no token and no secret lies open, and no lock is left', async () => {
    const [one] = await processes(1)
    const app = { identity: ['TEST', 'the-secret'], fetchToken: () => tokenOfTwoHours(1234567) }
    await one?.tokens.get(app, patient())
    const keys = (await one?.redis.keys(`${one.keyPrefix}:*`)) ?? []
    const values = await Promise.all(keys.map((key) => one?.redis.get(key)))
    expect(keys).toHaveLength(1)
    expect([...keys, ...values].join(' ')).not.toMatch(/the-secret|t1234567/)
  })

  test('a token that was moved to another app, or that nobody can decrypt, is fetched anew', async () => {
    const [one, other] = await processes(2)
    const first = countingApp()
    const second = countingApp()
    await one?.tokens.get(first.app, patient())
    const [firstKey] = (await one?.redis.keys(`${one.keyPrefix}:*`)) ?? []
    await one?.tokens.get(second.app, patient())
    const secondKey = (await one?.redis.keys(`${one.keyPrefix}:*`))?.find((key) => key !== firstKey)
    await one?.redis.copy(firstKey ?? '', secondKey ?? '', 'REPLACE')
    await other?.tokens.get(second.app, patient())
    expect([second.fetches(), other?.errors.length]).toEqual([2, 1])
  })

  test('a process that died while fetching holds the others up only until its lock runs out', async () => {
    const [one] = await processes(1)
    const { app, fetches } = countingApp()
    await one?.tokens.get(app, patient())
    const [key] = (await one?.redis.keys(`${one.keyPrefix}:*`)) ?? []
    await one?.redis.del(key ?? '')
    await one?.redis.set(`${key}:lock`, 'of the dead', 'PX', 200)
    const fresh = createTestTokens(inject('redisUrl'), one?.keyPrefix)
    cleanups.push(fresh.close)
    await fresh.connected()
    expect((await fresh.tokens.get(app, patient())).value).toBe('t2')
    expect(fetches()).toBe(2)
  })
})

describe('when it does not go well', () => {
  test('without Redis every process fetches for itself, once', async () => {
    const { app, fetches } = countingApp()
    const all = [1, 2].map(() => createTestTokens('redis://127.0.0.1:1'))
    cleanups.push(...all.map(({ close }) => close))
    for (const { tokens } of all) {
      await Promise.all(Array.from({ length: 20 }, () => tokens.get(app, patient())))
    }
    expect(fetches()).toBe(2)
    expect(all.every(({ errors }) => errors.length > 0)).toBe(true)
  })

  test('who waits for a token leaves when its send is over; the fetch goes on for the others', async () => {
    const [one] = await processes(1)
    const gate = Promise.withResolvers<void>()
    const { app, fetches } = countingApp((n) => gate.promise.then(() => tokenOfTwoHours(n)))
    const controller = new AbortController()
    const leaving = one?.tokens.get(app, controller.signal)
    const staying = one?.tokens.get(app, patient())
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ errorClass: 'TRANSIENT', code: 'NO_ACCESS_TOKEN' })
    gate.resolve()
    expect((await staying)?.value).toBe('t1')
    expect(fetches()).toBe(1)
  })

  test('a fetch without an answer is TRANSIENT, not UNKNOWN: nothing was sent', async () => {
    const [one] = await processes(1)
    const fault = new ChannelError('UNKNOWN', { code: 'TIMEOUT', message: 'no answer' })
    const { app, fetches } = countingApp(async (n) => (n === 1 ? Promise.reject(fault) : tokenOfTwoHours(n)))
    await expect(one?.tokens.get(app, patient())).rejects.toMatchObject({ errorClass: 'TRANSIENT', code: 'TIMEOUT' })
    expect((await one?.tokens.get(app, patient()))?.value).toBe('t2')
    expect(fetches()).toBe(2)
  })

  test('a provider that refused the credentials is not asked again with every message', async () => {
    const [one] = await processes(1)
    const refusal = new ChannelError('PERMANENT', { code: '40001', message: 'wrong secret' })
    const { app, fetches } = countingApp(() => Promise.reject(refusal))
    for (let message = 0; message < 5; message++) {
      await expect(one?.tokens.get(app, patient())).rejects.toBe(refusal)
    }
    expect(fetches()).toBe(1)
  })
})

describe('a token that is about to run out is refreshed before anybody waits for it', () => {
  const short = async (fetchNumber: number) => ({
    value: `t${fetchNumber}`,
    lifetimeMs: fetchNumber === 1 ? 60_000 : 7_200_000,
  })

  test('by one of several processes, and the others have it once theirs has ended', async () => {
    const [first, second] = await processes(2)
    const { app, fetches } = countingApp(short)
    if (!first || !second) throw new Error('no processes')
    await first.tokens.get(app, patient())
    const refreshed = await Promise.all([first, second].map(({ tokens }) => tokens.refresh(app, 120_000)))
    expect([refreshed.filter((one) => one).length, fetches()]).toEqual([1, 2])
    const late = createTestTokens(inject('redisUrl'), second.keyPrefix)
    cleanups.push(late.close)
    await late.connected()
    expect((await late.tokens.get(app, patient())).value).toBe('t2')
    expect(fetches()).toBe(2)
  })

  test('not where it lasts, where there is none, or where somebody is at it', async () => {
    const [one] = await processes(1)
    const { app, fetches } = countingApp()
    expect(await one?.tokens.refresh(app, 120_000)).toBe(false)
    await one?.tokens.get(app, patient())
    expect(await one?.tokens.refresh(app, 120_000)).toBe(false)
    expect(fetches()).toBe(1)
  })

  test('a refusal reaches who asked, and the lock is free again', async () => {
    const [one] = await processes(1)
    let refuse = true
    const { app } = countingApp(async (fetchNumber) => {
      if (fetchNumber > 1 && refuse) throw new ChannelError('PERMANENT', { code: '40001', message: 'wrong secret' })
      return short(fetchNumber === 1 ? 1 : 2)
    })
    await one?.tokens.get(app, patient())
    await expect(one?.tokens.refresh(app, 120_000)).rejects.toMatchObject({ errorClass: 'PERMANENT' })
    refuse = false
    expect(await one?.tokens.refresh(app, 120_000)).toBe(true)
  })
})
