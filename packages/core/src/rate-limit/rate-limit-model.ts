import type { Candidate, RateLimit, ReserveRequest } from './operations.ts'

/** What the model says; in the limiter's own words, without `now`. */
export type ModelAnswer = Record<string, string | number | boolean>

/** As in rate-limit.lua. */
const AHEAD_LOOK_MS = 5000
const ADVANCE_LEAST_MS = 1000

interface ModelConfig {
  starts: number[]
  flights: number[]
  line: { member: string; slot: number }[]
}

/**
 * The rate limit as plainly as it can be said: every start kept by its time, every question answered by looking at all of
 * them. For tests: the script must give the same answers at the same instants. Assumes windows below a second (buckets of
 * 1 ms for starts) and a life of reservations that no test outlasts.
 */
export function createRateLimitModel(maxCallMs: number) {
  const configs = new Map<string, ModelConfig>()

  function at(now: number, limit: RateLimit): ModelConfig {
    const config = configs.get(limit.configId) ?? { starts: [], flights: [], line: [] }
    configs.set(limit.configId, config)
    const grain = flightGrain(limit)
    config.starts = config.starts.filter((time) => time + 1 + limit.windowMs > now)
    config.flights = config.flights.filter((bucket) => (bucket + 1) * grain + limit.windowMs + maxCallMs > now)
    config.line.sort((a, b) => a.slot - b.slot)
    return config
  }

  function flightGrain({ windowMs }: RateLimit): number {
    return Math.max(1, Math.ceil((windowMs + maxCallMs) / 1000))
  }

  function used({ starts, flights }: ModelConfig): number {
    return starts.length + flights.length
  }

  function room(config: ModelConfig, limit: RateLimit): number {
    return limit.count - used(config) - config.line.length
  }

  /** Lets all that is known pass by in order, each as early as it may start, and takes the next place. */
  function earliest(now: number, limit: RateLimit, ahead: number): number {
    const { starts, flights } = at(now, limit)
    const times = [...starts.toSorted((a, b) => a - b), ...flights.map(() => now)]
    for (let place = 0; place <= ahead; place += 1) {
      const leaver = times.at(-limit.count)
      times.push(times.length < limit.count || leaver === undefined ? now : Math.max(now, leaver + 1 + limit.windowMs))
    }
    return times.at(-1) ?? now
  }

  function endOfLine(now: number, limit: RateLimit): number {
    const { line } = at(now, limit)
    const leaver = line.at(-limit.count)
    const byLine = line.length < limit.count || leaver === undefined ? 0 : leaver.slot + 1 + limit.windowMs
    return Math.max(earliest(now, limit, line.length), line.at(-1)?.slot ?? 0, byLine)
  }

  function take(now: number, limit: RateLimit, member: string, slot: number): number {
    at(now, limit).line.push({ member, slot })
    return slot
  }

  function roomiest(now: number, group: Candidate[]): Candidate | undefined {
    const most = Math.max(...group.map((candidate) => room(at(now, candidate), candidate)))
    return most > 0 ? group.find((candidate) => room(at(now, candidate), candidate) === most) : undefined
  }

  return {
    reserve(now: number, { member, groups }: ReserveRequest): ModelAnswer {
      for (const candidate of groups.flat()) {
        const found = at(now, candidate).line.find((entry) => entry.member === member)
        if (found) return { reserved: true, configId: candidate.configId, slotAt: found.slot }
      }
      for (const group of groups) {
        const best = roomiest(now, group)
        const last = best && best.policy !== 'REJECT' ? (at(now, best).line.at(-1)?.slot ?? now) : now
        if (best) {
          return { reserved: true, configId: best.configId, slotAt: take(now, best, member, Math.max(now, last)) }
        }
      }
      const waiter = groups.flat().find(({ policy }) => policy !== 'REJECT')
      if (!waiter) return { reserved: false, freeAt: Math.min(...groups.flat().map((each) => endOfLine(now, each))) }
      return { reserved: true, configId: waiter.configId, slotAt: take(now, waiter, member, endOfLine(now, waiter)) }
    },

    start(now: number, member: string, limit: RateLimit): ModelAnswer {
      const config = at(now, limit)
      const rank = config.line.findIndex((entry) => entry.member === member)
      const reservation = config.line[rank]
      if (reservation) {
        const free = limit.count - used(config)
        if (rank >= free && reservation.slot > now) return { go: false, slotAt: reservation.slot }
        if (free <= 0) return { go: false, slotAt: earliest(now, limit, rank) }
        if (rank >= free) return { go: false, slotAt: Math.min(earliest(now, limit, rank), now + AHEAD_LOOK_MS) }
        config.line.splice(rank, 1)
      } else if (room(config, limit) <= 0) {
        return { go: false, slotAt: take(now, limit, member, endOfLine(now, limit)) }
      }
      const isShort = limit.windowMs <= 2 * maxCallMs
      const bucket = isShort ? Math.floor(now / flightGrain(limit)) : now
      const log = isShort ? config.flights : config.starts
      log.push(bucket)
      return { go: true, bucket, ahead: Math.max(0, rank) }
    },

    line: (now: number, limit: RateLimit): string[] => at(now, limit).line.map(({ member }) => member),

    /** Brings forward who is in line and would start within `withinMs`. */
    advance(now: number, limit: RateLimit, withinMs: number): [string, number][] {
      const moved: [string, number][] = []
      for (const [place, entry] of at(now, limit).line.entries()) {
        const slot = earliest(now, limit, place)
        if (slot > now + withinMs) break
        if (entry.slot - slot < ADVANCE_LEAST_MS) continue
        entry.slot = Math.max(slot, at(now, limit).line[place - 1]?.slot ?? 0)
        moved.push([entry.member, entry.slot])
      }
      return moved
    },

    giveBack(now: number, limit: RateLimit, bucket: number): void {
      const config = at(now, limit)
      const log = limit.windowMs <= 2 * maxCallMs ? config.flights : config.starts
      const index = log.indexOf(bucket)
      if (index !== -1) log.splice(index, 1)
    },

    settle(now: number, limit: RateLimit, bucket: number): void {
      const config = at(now, limit)
      const log = limit.windowMs <= 2 * maxCallMs ? config.flights : config.starts
      const index = log.indexOf(bucket)
      if (index !== -1) log.splice(index, 1)
      config.starts.push(now)
    },

    release(now: number, member: string, limit: RateLimit): boolean {
      const { line } = at(now, limit)
      const index = line.findIndex((entry) => entry.member === member)
      if (index !== -1) line.splice(index, 1)
      return index !== -1
    },

    snapshot(now: number, limit: RateLimit): ModelAnswer {
      const config = at(now, limit)
      const free = room(config, limit)
      return {
        used: used(config),
        reserved: config.line.length,
        room: Math.max(0, free),
        nextFreeAt: free > 0 ? now : endOfLine(now, limit),
      }
    },
  }
}
