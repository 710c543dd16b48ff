const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** The waits after each failed try: the schedule that Standard Webhooks gives as its example. Ten tries over three days. */
const WAITS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
const LONGEST_WAIT = 24 * HOUR
const JITTER = 0.1

/**
 * How long to wait before the next try.
 * @param attempts tries so far, at least 1
 * @param retryAfterMs what the receiver asked for; it can make the wait longer, up to a day
 * @returns milliseconds; undefined where the callback is given up
 */
export function nextWaitMs(
  attempts: number,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number | undefined {
  const wait = WAITS[attempts - 1]
  if (wait === undefined) return undefined
  return Math.max(Math.round(wait * (1 + JITTER * random())), Math.min(retryAfterMs ?? 0, LONGEST_WAIT))
}
