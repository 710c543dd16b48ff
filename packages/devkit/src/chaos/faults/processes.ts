import { setTimeout as delay } from 'node:timers/promises'
import type { Member } from '../fleet.ts'
import type { Random } from '../random.ts'
import type { Rig } from '../rig.ts'
import type { FaultKind } from './fault-kind.ts'

/** The lock of a BullMQ job (apps/worker/src/consumer.ts) and a little: nobody can tell such a worker from a dead one. */
const FREEZE_MS = [21_000, 26_000] as const
/** Longer than a claim's lease and a job's lock, shorter than the minute within which all has to be final. */
const CLOCK_STEP_MS = [5_000, 40_000] as const

function member(random: Random, { fleet }: Rig, kind: Member['kind']): Member {
  return random.pick(fleet.members.filter((one) => one.kind === kind))
}

function killed(kind: Member['kind']): FaultKind {
  return {
    name: `${kind}-kill`,
    lastsMs: 5_000,
    aim(random, rig) {
      const { name, kill } = member(random, rig, kind)
      // It is started again by its supervisor; what it left behind is the matter, not the moment of its absence.
      return { target: name, detail: 'kill -9', inject: kill }
    },
  }
}

function terminated(kind: Member['kind']): FaultKind {
  return {
    name: `${kind}-term`,
    lastsMs: 12_000,
    aim(random, rig) {
      const { name, stop } = member(random, rig, kind)
      return { target: name, detail: 'SIGTERM', inject: async () => void (await stop()) }
    },
  }
}

export const workerKill = killed('worker')
export const apiKill = killed('api')
export const workerTerm = terminated('worker')
export const apiTerm = terminated('api')

export const workerFreeze: FaultKind = {
  name: 'worker-freeze',
  lastsMs: FREEZE_MS[1] + 1_000,
  aim(random, rig) {
    const { name, signal } = member(random, rig, 'worker')
    const ms = random.between(...FREEZE_MS)
    return {
      target: name,
      detail: `SIGSTOP for ${(ms / 1000).toFixed(1)} s`,
      async inject() {
        signal('SIGSTOP')
        await delay(ms)
        signal('SIGCONT')
      },
    }
  },
}

export const workerClock: FaultKind = {
  name: 'worker-clock',
  lastsMs: 13_000,
  aim(random, rig) {
    const { name, shiftClock } = member(random, rig, 'worker')
    const stepMs = Math.round(random.between(...CLOCK_STEP_MS)) * random.pick([-1, 1])
    const ms = random.between(6_000, 12_000)
    return {
      target: name,
      detail: `clock ${stepMs > 0 ? '+' : ''}${(stepMs / 1000).toFixed(0)} s for ${(ms / 1000).toFixed(1)} s`,
      async inject() {
        shiftClock(stepMs)
        await delay(ms)
        shiftClock(0)
      },
    }
  },
}
