/** `count` calls in any `windowMs`; one more closes the door for `blockMs`. */
export interface RateLimit {
  count: number
  windowMs: number
  blockMs: number
}

export interface Throttle {
  /** `exceeded` for the call that breaks the limit, `blocked` for those that come while the door is closed. */
  admit(now: number): 'admitted' | 'exceeded' | 'blocked'
}

/** Creates the counter of one robot or app; without a limit it admits all. */
export function createThrottle(limit: RateLimit | undefined): Throttle {
  let starts: number[] = []
  let blockedUntil = 0
  return {
    admit(now) {
      if (limit === undefined) return 'admitted'
      if (now < blockedUntil) return 'blocked'
      starts = starts.filter((start) => start > now - limit.windowMs)
      if (starts.length >= limit.count) {
        blockedUntil = now + limit.blockMs
        return 'exceeded'
      }
      starts.push(now)
      return 'admitted'
    },
  }
}
