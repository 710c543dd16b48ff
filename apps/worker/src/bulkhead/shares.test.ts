import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createShares, type Holder } from './shares.ts'

const greedy = (slots: number, holders: Holder[]) => {
  const shares = createShares(slots)
  const held = holders.map(() => 0)
  const takeAll = () => {
    for (let took = true; took; ) {
      took = false
      for (const [index, holder] of holders.entries()) {
        if (shares.inUse(holder)) continue
        shares.take(holder)
        held[index] = (held[index] ?? 0) + 1
        took = true
      }
    }
  }
  return { shares, held, takeAll }
}
const key = (tenantId: number, name = 0): Holder => ({ tenantId: String(tenantId), key: `${tenantId}-${name}` })
const sum = (list: number[]) => list.reduce((total, count) => total + count, 0)

describe('shares of a worker’s slots', () => {
  test('alone, one key has 64 of 100, one tenant with many keys 79', () => {
    const lone = greedy(100, [key(1)])
    lone.takeAll()
    expect(lone.held).toEqual([64])
    const tenant = greedy(
      100,
      Array.from({ length: 40 }, (_, name) => key(1, name)),
    )
    tenant.takeAll()
    expect(sum(tenant.held)).toBe(79)
  })

  test('one slot is enough to work', () => {
    const lone = greedy(1, [key(1)])
    lone.takeAll()
    expect(lone.held).toEqual([1])
  })

  test('whoever holds none takes any free slot of a tenant that holds none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fc.integer({ min: 1, max: 10 }), (slots, tenants) => {
        const { shares, takeAll, held } = greedy(
          slots,
          Array.from({ length: tenants }, (_, tenant) => key(tenant)),
        )
        takeAll()
        expect(sum(held)).toBeLessThanOrEqual(slots)
        expect(shares.inUse(key(999)) === undefined).toBe(sum(held) < slots)
      }),
    )
  })

  test('some slots stay free for newcomers, of a greedy tenant and of others', () => {
    const { shares, takeAll } = greedy(100, [key(1), key(2), key(3), key(4)])
    takeAll()
    for (const newcomer of [key(1, 1), key(5)]) {
      expect(shares.inUse(newcomer)).toBeUndefined()
      shares.take(newcomer)
    }
  })

  test('who came first and holds too many gives them back as they end, until all hold nearly alike', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 200 }), fc.integer({ min: 2, max: 6 }), (slots, count) => {
        const holders = Array.from({ length: count }, (_, tenant) => key(tenant))
        const { shares, held, takeAll } = greedy(slots, holders)
        const first = holders[0] as Holder
        while (!shares.inUse(first)) {
          shares.take(first)
          held[0] = (held[0] ?? 0) + 1
        }
        // Every slot ends once, one after another, and whoever may takes it.
        for (const [index, holder] of holders.entries()) {
          for (let ending = held[index] ?? 0; ending > 0; ending--) {
            shares.giveBack(holder)
            held[index] = (held[index] ?? 0) - 1
            takeAll()
          }
        }
        expect(Math.max(...held) - Math.min(...held)).toBeLessThanOrEqual(Math.max(4, slots / 10))
      }),
    )
  })

  test('what was given back is all there again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 60 }), (tenants) => {
        const shares = createShares(40)
        const taken = tenants
          .map((tenant) => key(tenant))
          .filter((holder) => {
            const may = !shares.inUse(holder)
            if (may) shares.take(holder)
            return may
          })
        for (const holder of taken) shares.giveBack(holder)
        let alone = 0
        while (!shares.inUse(key(7))) {
          shares.take(key(7))
          alone += 1
        }
        const fresh = greedy(40, [key(7)])
        fresh.takeAll()
        expect(alone).toBe(fresh.held[0])
      }),
    )
  })
})
