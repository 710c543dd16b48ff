import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../random.ts'
import { SEND_TIMEOUT_MS } from '../rig.ts'
import type { Weather } from '../tcp-proxy.ts'
import type { Way } from '../ways.ts'
import type { FaultKind } from './fault-kind.ts'

/** There are more ways than anything else that can break. */
const WEIGHT = 3

/** A way is bad for a while; which one of all, the seed decides. */
function badWeather(
  name: string,
  lasts: readonly [min: number, max: number],
  weatherOf: (random: Random) => Weather,
): FaultKind {
  return {
    name,
    weight: WEIGHT,
    lastsMs: lasts[1] + 1_000,
    aim(random, { ways }) {
      const { name: target, proxy } = random.pick(ways)
      const ms = random.between(...lasts)
      const weather = weatherOf(random)
      const told = weather.kind === 'latency' ? `${weather.ms} ms later each way, ` : ''
      return {
        target,
        ...(weather.kind === 'latency' ? { latencyMs: weather.ms } : {}),
        detail: `${told}for ${(ms / 1000).toFixed(1)} s`,
        async inject() {
          await proxy.setWeather(weather)
          await delay(ms)
          await proxy.setWeather({ kind: 'clear' })
        },
      }
    },
  }
}

/** Half of them short enough that an answer still comes in time, half of them not. */
export const netLatency = badWeather('net-latency', [4_000, 10_000], (random) => ({
  kind: 'latency',
  ms: random.chance(0.5) ? random.integer(20, 400) : random.integer(SEND_TIMEOUT_MS * 0.6, SEND_TIMEOUT_MS),
}))
export const netHalfOpen = badWeather('net-half-open', [3_000, 12_000], () => ({ kind: 'half-open' }))
export const netRefuse = badWeather('net-refuse', [1_000, 6_000], () => ({ kind: 'refuse' }))

/** Every connection of a way is reset, several times in a row. */
export const netReset: FaultKind = {
  name: 'net-reset',
  weight: WEIGHT,
  lastsMs: 5_000,
  aim(random, { ways }) {
    const { name: target, proxy }: Way = random.pick(ways)
    const times = random.integer(1, 4)
    const pauses = Array.from({ length: times }, () => random.between(100, 1_000))
    return {
      target,
      detail: `${times} times`,
      async inject(onMoment) {
        for (const pause of pauses) {
          await delay(pause)
          onMoment()
          proxy.reset()
        }
      },
    }
  },
}
