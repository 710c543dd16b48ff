import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 25
const DEFAULT_LIMIT_MS = 60_000

/**
 * Asks until the answer is something other than undefined or false, and returns it.
 * @throws Error with `what` when that takes longer than the limit: a guard against hanging, not a promise of speed
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = DEFAULT_LIMIT_MS,
): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > deadline) throw new Error(`waited ${limitMs / 1000} s in vain for: ${what}`)
    await delay(POLL_MS)
  }
}
