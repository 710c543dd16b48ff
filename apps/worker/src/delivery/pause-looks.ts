/** A task of a tenant whose sending is paused looks again after this at the earliest. */
const LOOK_AFTER_MS = 15_000
/**
 * One after another, not faster than this: a pause may hold back 100,000 tasks. Looking all at once, in front of what came
 * after them, they would take the worker's time from everybody else, again and again.
 */
const SPACING_MS = 1

/**
 * Spreads the looks of this process's paused tasks.
 * @returns tells the next of them how long to wait, in ms
 */
export function createPauseLooks(): () => number {
  let lastAt = 0
  return () => {
    const now = performance.now()
    lastAt = Math.max(now + LOOK_AFTER_MS, lastAt + SPACING_MS)
    return Math.ceil(lastAt - now)
  }
}
