import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBatcher } from './batcher.ts'

/** A flush under the test's control: each call waits until the test lets it end. */
function createGate() {
  const calls: { items: number[]; succeed(): void; fail(error: Error): void }[] = []
  const flush = (items: number[]): Promise<number[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<number[]>()
    calls.push({ items, succeed: () => resolve(items.map((item) => item * 10)), fail: reject })
    return promise
  }
  return { flush, calls, batches: () => calls.map(({ items }) => items) }
}

/** Lets every microtask that is due run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('createBatcher', () => {
  it('flushes a synchronous burst as one batch, in order, each caller getting its own result', async () => {
    const gate = createGate()
    const batcher = createBatcher({ maxItems: 100, flush: gate.flush })
    const answers = Promise.all([1, 2, 3].map((item) => batcher.add(item)))
    expect(gate.calls).toHaveLength(0)
    expect(batcher.depth()).toBe(3)
    await settled()
    expect(gate.batches()).toEqual([[1, 2, 3]])
    gate.calls[0]?.succeed()
    expect(await answers).toEqual([10, 20, 30])
    expect(batcher.depth()).toBe(0)
  })

  it('lets holders take turns in a batch that cannot take all, and keeps the order of each', async () => {
    const gate = createGate()
    const batcher = createBatcher<number, number>({
      maxItems: 4,
      holderOf: (item) => (item < 100 ? 'flood' : String(item)),
      flush: gate.flush,
    })
    for (let item = 0; item < 4; item++) void batcher.add(item)
    await settled()
    for (let item = 4; item < 20; item++) void batcher.add(item)
    for (const single of [100, 200]) void batcher.add(single)
    gate.calls[0]?.succeed()
    await settled()
    expect(gate.batches()[1]).toEqual([4, 100, 200, 5])
    gate.calls[1]?.succeed()
    await settled()
    expect(gate.batches()[2]).toEqual([6, 7, 8, 9])
  })

  it('starts in a microtask, not by a timer', async () => {
    const gate = createGate()
    const batcher = createBatcher({ maxItems: 100, flush: gate.flush })
    void batcher.add(1)
    await Promise.resolve()
    expect(gate.batches()).toEqual([[1]])
  })

  it('groups what arrives during a flush, with what the answered callers add at once', async () => {
    const gate = createGate()
    const batcher = createBatcher({ maxItems: 100, flush: gate.flush })
    void batcher.add(1).then(() => batcher.add(4))
    await settled()
    void batcher.add(2)
    await settled()
    void batcher.add(3)
    await settled()
    expect(gate.batches()).toEqual([[1]])
    gate.calls[0]?.succeed()
    await settled()
    expect(gate.batches()).toEqual([[1], [2, 3, 4]])
  })

  it('begins another flush beside the first only while what waits fills it', async () => {
    const gate = createGate()
    const batcher = createBatcher({ maxItems: 2, concurrencyWhenFull: 2, flush: gate.flush })
    for (const item of [1, 2, 3]) void batcher.add(item)
    await settled()
    expect(gate.batches()).toEqual([[1, 2]])
    for (const item of [4, 5, 6]) void batcher.add(item)
    await settled()
    expect(gate.batches()).toEqual([
      [1, 2],
      [3, 4],
    ])
    gate.calls[1]?.succeed()
    await settled()
    expect(gate.batches()[2]).toEqual([5, 6])
    gate.calls[2]?.succeed()
    gate.calls[0]?.succeed()
    await batcher.drain()
  })

  it('rejects all items of a failed batch and goes on with the next', async () => {
    const gate = createGate()
    const batcher = createBatcher({ maxItems: 2, flush: gate.flush })
    const answers = Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)))
    await settled()
    gate.calls[0]?.fail(new Error('down'))
    await settled()
    gate.calls[1]?.succeed()
    expect(await answers).toEqual([
      { status: 'rejected', reason: new Error('down') },
      { status: 'rejected', reason: new Error('down') },
      { status: 'fulfilled', value: 30 },
    ])
  })

  it('rejects a batch whose flush throws or gives the wrong number of results', async () => {
    const thrower = createBatcher<number, number>({
      maxItems: 2,
      flush() {
        throw new Error('at once')
      },
    })
    await expect(thrower.add(1)).rejects.toThrow('at once')
    const short = createBatcher<number, number>({ maxItems: 2, flush: async () => [] })
    await expect(short.add(1)).rejects.toThrow('0 results for 1 items')
  })

  it('keeps to maxBytes and sends an oversized item alone', async () => {
    const gate = createGate()
    const batcher = createBatcher({ maxItems: 100, maxBytes: 10, sizeOf: (item) => item, flush: gate.flush })
    for (const item of [4, 6, 1, 99, 2, 3]) void batcher.add(item)
    for (let flush = 0; flush < 4; flush += 1) {
      await settled()
      gate.calls[flush]?.succeed()
    }
    await batcher.drain()
    expect(gate.batches()).toEqual([[4, 6], [1], [99], [2, 3]])
  })

  it('runs up to `concurrency` flushes at once', async () => {
    const gate = createGate()
    const batcher = createBatcher({ maxItems: 1, concurrency: 2, flush: gate.flush })
    for (const item of [1, 2, 3]) void batcher.add(item)
    await settled()
    expect(gate.batches()).toEqual([[1], [2]])
    gate.calls[1]?.succeed()
    await settled()
    expect(gate.batches()).toEqual([[1], [2], [3]])
  })

  it('drains: at once when idle, else after the last answer, also after a failure', async () => {
    const gate = createGate()
    const batcher = createBatcher({ maxItems: 1, flush: gate.flush })
    await batcher.drain()
    const failed = expect(batcher.add(1)).rejects.toThrow('down')
    void batcher.add(2)
    let drained = false
    const drain = batcher.drain().then(() => {
      drained = true
    })
    await settled()
    gate.calls[0]?.fail(new Error('down'))
    await settled()
    expect(drained).toBe(false)
    gate.calls[1]?.succeed()
    await Promise.all([drain, failed])
    expect(batcher.depth()).toBe(0)
  })

  it('refuses limits under which nothing would ever go', () => {
    expect(() => createBatcher({ maxItems: 0, flush: async () => [] })).toThrow(RangeError)
    expect(() => createBatcher({ maxItems: 1, concurrency: 0, flush: async () => [] })).toThrow(RangeError)
  })

  it('loses nothing, doubles nothing and keeps the order under any arrival pattern', async () => {
    const pattern = fc.array(fc.record({ items: fc.integer({ min: 0, max: 20 }), pause: fc.boolean() }), {
      maxLength: 20,
    })
    const bounds = fc.record({
      maxItems: fc.integer({ min: 1, max: 7 }),
      maxBytes: fc.integer({ min: 1, max: 30 }),
      concurrency: fc.integer({ min: 1, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(pattern, bounds, async (bursts, { maxItems, maxBytes, concurrency }) => {
        const flushed: number[] = []
        let running = 0
        const batcher = createBatcher<number, number>({
          maxItems,
          maxBytes,
          sizeOf: (item) => (item % 5) + 1,
          concurrency,
          async flush(items) {
            running += 1
            expect(running).toBeLessThanOrEqual(concurrency)
            expect(items.length).toBeLessThanOrEqual(maxItems)
            const bytes = items.reduce((sum, item) => sum + (item % 5) + 1, 0)
            if (items.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes)
            flushed.push(...items)
            if (items.length % 2 === 0) await settled()
            running -= 1
            return items.map((item) => -item)
          },
        })
        const answers: Promise<number>[] = []
        for (const burst of bursts) {
          for (let count = 0; count < burst.items; count += 1) answers.push(batcher.add(answers.length))
          if (burst.pause) await settled()
        }
        await batcher.drain()
        expect(batcher.depth()).toBe(0)
        expect(flushed).toEqual(answers.map((_, index) => index))
        expect(await Promise.all(answers)).toEqual(answers.map((_, index) => -index))
      }),
      { numRuns: 60 },
    )
  })
})

describe('a batch that fails because of one item', () => {
  /** Refuses whatever holds a 13. */
  function superstitious() {
    const batches: number[][] = []
    const flush = async (items: number[]): Promise<number[]> => {
      batches.push(items)
      if (items.includes(13)) throw new Error('13 is refused')
      return items.map((item) => item * 10)
    }
    return { flush, batches }
  }

  it('rejects that one alone where the failure may lie in an item', async () => {
    const { flush, batches } = superstitious()
    const batcher = createBatcher({ maxItems: 100, flush, isolates: () => true })
    const answers = await Promise.allSettled([12, 13, 14].map((item) => batcher.add(item)))
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(batches).toEqual([[12, 13, 14], [12], [13], [14]])
    await batcher.drain()
    expect(batcher.depth()).toBe(0)
  })

  it('rejects all where it does not', async () => {
    const { flush, batches } = superstitious()
    const batcher = createBatcher({ maxItems: 100, flush, isolates: () => false })
    const answers = await Promise.allSettled([12, 13].map((item) => batcher.add(item)))
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(batches).toEqual([[12, 13]])
  })
})
