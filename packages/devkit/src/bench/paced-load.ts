import { randomUUID } from 'node:crypto'
import { setInterval } from 'node:timers/promises'
import { Pool } from 'undici'
import type { LoadOrder, LoadResult } from './load-order.ts'
import { latencyOf } from './statistics.ts'

const TICK_MS = 5
const TIMEOUT_MS = 30_000
const ID = '[<id>]'

/**
 * Offers requests at a pace, evenly, whatever the answers take: an open loop, as callers are. (autocannon sends what a second may
 * have at its beginning, and no more than there are connections without an answer.) A latency begins when its request was due.
 */
export async function offerPaced(
  { url, token, body, connections }: LoadOrder,
  pace: { perSecond: number; seconds: number },
): Promise<LoadResult> {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const latencies: number[] = []
  let errors = 0

  async function request(dueAt: number): Promise<void> {
    try {
      const answer = await pool.request({
        path: pathname,
        method: 'POST',
        headers,
        body: body.replace(ID, randomUUID()),
      })
      await answer.body.dump()
      if (answer.statusCode >= 300) errors += 1
      else latencies.push(performance.now() - dueAt)
    } catch {
      // Not answered: told as a count, like a refusal.
      errors += 1
    }
  }

  const startedAt = performance.now()
  const all = Math.floor(pace.perSecond * pace.seconds)
  const underWay = new Set<Promise<void>>()
  let offered = 0
  for await (const _ of setInterval(TICK_MS)) {
    const due = Math.min(all, Math.floor(((performance.now() - startedAt) * pace.perSecond) / 1000))
    for (; offered < due; offered += 1) {
      const one = request(startedAt + ((offered + 1) * 1000) / pace.perSecond).finally(() => underWay.delete(one))
      underWay.add(one)
    }
    if (offered === all) break
  }
  await Promise.all(underWay)
  const perSecond = (latencies.length * 1000) / (performance.now() - startedAt)
  await pool.close()
  const { p50Ms, p99Ms } = latencyOf(latencies)
  return { answered: latencies.length, perSecond, p50Ms, p99Ms, errors }
}
