import { createFairLines, type FairLines } from './fair-lines.ts'

export interface BatcherOptions<Item, Result> {
  /** Most items of one batch. */
  maxItems: number
  /** Most of `sizeOf`'s sum in one batch; an item that is larger alone goes alone. */
  maxBytes?: number
  /** Size of an item in bytes; without it `maxBytes` has no effect. */
  sizeOf?(item: Item): number
  /**
   * Whose an item is: where more wait than a batch takes, holders take turns in it, and one who has many waiting does not
   * delay the others. Each one's own order is kept. Default: all are of one.
   */
  holderOf?(item: Item): string
  /** Flushes under way at once; default 1. With more, batches still begin in order. */
  concurrency?: number
  /**
   * The same while what waits fills a batch, which nothing is gained by waiting for; default `concurrency`. Below that, fewer and
   * larger batches cost less than more at once.
   */
  concurrencyWhenFull?: number
  /** Does the work of a batch: one result per item, in the items' order. A rejection rejects every item of the batch. */
  flush(items: Item[]): Promise<Result[]>
  /** True for a rejection whose cause may lie in one item: each of the batch is then flushed alone, once. Default: never. */
  isolates?(error: unknown): boolean
}

export interface Batcher<Item, Result> {
  /** Puts an item in the next batch; settles with its own result or with the failure of its batch. */
  add(item: Item): Promise<Result>
  /** Resolves when nothing waits and no flush is under way (also when flushes failed: `add` tells of that). */
  drain(): Promise<void>
  /** Items without an answer yet: waiting or in a flush. */
  depth(): number
}

interface Entry<Item, Result> {
  item: Item
  bytes: number
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Groups what arrives while the previous flush is under way into the next one. No timer: an idle batcher flushes at once
 * (in a microtask, so that a synchronous burst of adds is one batch), a busy one makes larger batches. The order of each holder is kept.
 */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  const { maxItems, maxBytes = Number.POSITIVE_INFINITY, sizeOf = () => 0, concurrency = 1, flush } = options
  const { isolates = () => false, holderOf = () => '', concurrencyWhenFull = concurrency } = options
  if (!(maxItems >= 1 && concurrency >= 1)) throw new RangeError('maxItems and concurrency must be at least 1')
  const waiting = createFairLines<Entry<Item, Result>>()
  let flushing = 0
  let unanswered = 0
  let scheduled = false
  let drained = Promise.withResolvers<void>()

  function mayFlush(): boolean {
    return flushing < (waiting.size() < maxItems ? concurrency : concurrencyWhenFull)
  }

  function schedule(): void {
    if (scheduled || !mayFlush()) return
    scheduled = true
    queueMicrotask(() => {
      scheduled = false
      while (waiting.size() > 0 && mayFlush()) void run(nextBatch(waiting, maxItems, maxBytes))
    })
  }

  async function run(batch: Entry<Item, Result>[]): Promise<void> {
    flushing += 1
    await settle(batch)
    flushing -= 1
    unanswered -= batch.length
    if (unanswered === 0) {
      drained.resolve()
      drained = Promise.withResolvers<void>()
    }
    // The microtasks of those just answered come first: what they add at once belongs to the next batch.
    else schedule()
  }

  async function settle(batch: Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await flush(batch.map(({ item }) => item))
      if (results.length !== batch.length) {
        throw new Error(`flush gave ${results.length} results for ${batch.length} items`)
      }
      results.forEach((result, index) => {
        batch[index]?.resolve(result)
      })
    } catch (error) {
      if (batch.length > 1 && isolates(error)) for (const entry of batch) await settle([entry])
      else for (const entry of batch) entry.reject(error)
    }
  }

  return {
    add(item) {
      const { promise, resolve, reject } = Promise.withResolvers<Result>()
      waiting.push(holderOf(item), { item, bytes: sizeOf(item), resolve, reject })
      unanswered += 1
      schedule()
      return promise
    },
    drain: () => (unanswered === 0 ? Promise.resolve() : drained.promise),
    depth: () => unanswered,
  }
}

/** Takes out as many of the waiting as fit into one batch, from the first; at least one. */
function nextBatch<Entry extends { bytes: number }>(
  waiting: FairLines<Entry>,
  maxItems: number,
  maxBytes: number,
): Entry[] {
  const batch: Entry[] = []
  let bytes = 0
  for (let next = waiting.peek(); next; next = waiting.peek()) {
    bytes += next.bytes
    if (batch.length === maxItems || (batch.length > 0 && bytes > maxBytes)) break
    waiting.shift()
    batch.push(next)
  }
  return batch
}
