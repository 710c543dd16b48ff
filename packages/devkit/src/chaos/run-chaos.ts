import { setTimeout as delay } from 'node:timers/promises'
import type { Books, FaultRecord } from './books.ts'
import { checkBooks, type Verdict } from './check-books.ts'
import { startClients } from './clients.ts'
import type { FaultKind } from './faults/fault-kind.ts'
import { type PlannedFault, planFaults } from './plan.ts'
import { createRandom } from './random.ts'
import { countOpen, followArrivals, readInbox, readStored } from './read-books.ts'
import { LEASE_MS, type Rig, SEND_TIMEOUT_MS, startRig } from './rig.ts'
import { lateAnswersOf } from './ways.ts'

export interface ChaosOptions {
  /** An empty folder; the servers' data goes there. */
  folder: string
  kinds: readonly FaultKind[]
  minutes: number
  seed: number
  /** Of each kind; without it by the minutes. */
  times?: number
  apis: number
  workers: number
  /** Messages a second. */
  rate: number
  /** Keeps what the processes wrote also where all is well. */
  keepLogs?: boolean
  /** Told of each fault as it begins, and of kinds that cannot be injected here. */
  say(line: string): void
}

export interface ChaosResult {
  verdict: Verdict
  books: Books
  /** From the end of the last fault until everything was final; null where it was not within the limit. */
  recoverySeconds: number | null
  /** Names of the processes that were not ready at the end. */
  unready: string[]
  /** Kinds that cannot be injected on this machine. */
  skipped: string[]
  logFolder: string
  ok: boolean
}

/** After the last fault everything is final within this. */
const RECOVERY_LIMIT_MS = 60_000

/** One run: a system of real processes is used and broken by the plan of a seed, then the books are compared. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { say } = options
  const rig = await startRig(options)
  let result: ChaosResult | undefined
  try {
    const unavailable = options.kinds.flatMap((kind) => {
      const reason = kind.unavailable?.(rig)
      return reason === undefined ? [] : [{ kind, reason }]
    })
    for (const { kind, reason } of unavailable) say(`${kind.name} is skipped: ${reason}`)
    const kinds = options.kinds.filter((kind) => !unavailable.some((one) => one.kind === kind))
    const plan = planFaults(kinds, options)
    result = { ...(await useAndBreak(rig, plan, options)), skipped: unavailable.map(({ kind }) => kind.name) }
    return result
  } finally {
    await rig.stop({ keepLogs: options.keepLogs === true || result?.ok !== true })
  }
}

async function useAndBreak(
  rig: Rig,
  plan: readonly PlannedFault[],
  options: ChaosOptions,
): Promise<Omit<ChaosResult, 'skipped'>> {
  const { seed, rate, say } = options
  const idPrefix = `c${seed}`
  const arrivals = followArrivals(rig.sandbox, { workerAt: rig.workerAt, idPrefix })
  const clients = startClients({ urls: rig.apiUrls, token: rig.token, rate, random: createRandom(seed), idPrefix })
  const faults = await breakByPlan(rig, plan, say)
  const brokenUntil = Math.max(Date.now(), ...faults.map(({ to }) => to))
  say(`all faults are over; waiting for ${await countOpen(rig.pool)} messages to be final`)
  await clients.stop()
  const recoverySeconds = await recovery(rig, brokenUntil)
  const unready = await unreadyMembers(rig, brokenUntil)
  const books: Books = {
    told: clients.told,
    stored: await readStored(rig.pool),
    arrivals: [...(await arrivals.stop()), ...(await readInbox(rig.pool))],
    faults,
    ends: rig.fleet.ends,
    lateAnswers: lateAnswersOf(rig.ways),
  }
  const verdict = checkBooks(books, { sendTimeoutMs: SEND_TIMEOUT_MS, leaseMs: LEASE_MS })
  const ok = verdict.ok && recoverySeconds !== null && unready.length === 0
  return { verdict, books, recoverySeconds, unready, logFolder: rig.logFolder, ok }
}

/** Injects each fault at its moment; one that hits what is broken already waits until that is repaired. */
async function breakByPlan(
  rig: Rig,
  plan: readonly PlannedFault[],
  say: (line: string) => void,
): Promise<FaultRecord[]> {
  const faults: FaultRecord[] = []
  const repaired = new Map<string, Promise<unknown>>()
  const startedAt = Date.now()
  const injections = plan.map(async ({ kind, atMs, random }) => {
    await delay(atMs)
    const { target, inject, ...aim } = kind.aim(random, rig)
    const before = repaired.get(target)
    const injected = (async () => {
      await before
      const moments: number[] = []
      const fault: FaultRecord = {
        kind: kind.name,
        target,
        ...aim,
        from: Date.now(),
        to: Number.POSITIVE_INFINITY,
        moments,
      }
      faults.push(fault)
      say(
        `${((fault.from - startedAt) / 1000).toFixed(1).padStart(6)} s  ${kind.name.padEnd(18)} ${target}: ${aim.detail}`,
      )
      try {
        await inject(() => moments.push(Date.now()))
      } finally {
        fault.to = Date.now()
      }
    })()
    repaired.set(
      target,
      injected.catch(() => undefined),
    )
    await injected
  })
  const results = await Promise.allSettled(injections)
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return faults
}

async function recovery({ pool }: Rig, since: number): Promise<number | null> {
  while (Date.now() - since < RECOVERY_LIMIT_MS) {
    if ((await countOpen(pool)) === 0) return (Date.now() - since) / 1000
    await delay(250)
  }
  return null
}

/** Those that were ended last may just be starting: they have the same time as the messages. */
async function unreadyMembers({ fleet }: Rig, since: number): Promise<string[]> {
  for (;;) {
    const ready = await Promise.all(fleet.members.map((member) => member.isReady()))
    const unready = fleet.members.filter((_, index) => !ready[index]).map(({ name }) => name)
    if (unready.length === 0 || Date.now() - since > RECOVERY_LIMIT_MS) return unready
    await delay(250)
  }
}
