import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createGate } from './gate.ts'

const LIMIT = 3

test('who must be alone has nobody beside him, the others are never more than the limit, and all get in, in their order', async () => {
  const guests = fc.array(fc.record({ alone: fc.boolean(), turns: fc.nat(5), fails: fc.boolean() }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(guests, async (list) => {
      const gate = createGate(LIMIT)
      const inside = new Set<number>()
      const entered: number[] = []
      await Promise.allSettled(
        list.map(({ alone, turns, fails }, index) =>
          gate.pass(alone, async () => {
            inside.add(index)
            entered.push(index)
            for (let turn = 0; turn <= turns; turn++) {
              expect(inside.size).toBeLessThanOrEqual(alone ? 1 : LIMIT)
              if ([...inside].some((guest) => list[guest]?.alone)) expect(inside.size).toBe(1)
              await Promise.resolve()
            }
            inside.delete(index)
            if (fails) throw new Error('as ordered')
          }),
        ),
      )
      expect(entered).toEqual(list.map((_, index) => index))
      expect(gate.waiting()).toBe(0)
    }),
  )
})
