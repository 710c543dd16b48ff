import type { Arrival, Books, FaultRecord } from './books.ts'

/** What the system under test was told, which decides how long it must keep others off a send. */
export interface Limits {
  /** One provider call, ms. */
  sendTimeoutMs: number
  /** After a claim nobody else may take the task for so long, ms. */
  leaseMs: number
}

/** A call that has arrived is answered within this, on a busy machine too, when nothing is wrong between the two. */
const ANSWER_MS = 1_000
/** And its outcome is committed within this, when nothing is wrong with MySQL. */
const RECORDING_MS = 2_000
/** A request may still be on its way, or a moment be told late, by so much. */
const SLACK_MS = 500

/**
 * Why a message was sent again: what kept the system from knowing that the call before had arrived. There are five reasons
 * (docs/adr/0025-chaos-runner.md); each is looked for only where and when it can have been.
 * @returns undefined where there is none: then nothing excuses the second call
 */
export function explainDouble(first: Arrival, second: Arrival, books: Books, limits: Limits): string | undefined {
  const worker = first.worker
  if (worker === undefined) return undefined
  return (
    cutOff(first, worker, books) ??
    answeredLate(first, worker, books, limits) ??
    lateArrival(second, books, limits) ??
    ended(first, worker, books) ??
    frozen(first, second, worker, books, limits) ??
    notWritten(first, second, worker, books, limits)
  )
}

/** The answer did not come back: the way between the worker and the provider was cut just then. */
function cutOff({ at }: Arrival, worker: string, { faults }: Books): string | undefined {
  const fault = faults.find(({ target, kind, from, to, moments }) => {
    if (target !== `${worker}→provider` || kind === 'net-latency') return false
    if (kind === 'net-reset') return moments.some((moment) => moment >= at - SLACK_MS && moment <= at + ANSWER_MS)
    return from <= at + ANSWER_MS && to >= at - SLACK_MS
  })
  return fault && told(fault)
}

/** The answer came, or the worker gave up waiting for it, when the time of the call was over: so the wire saw it. */
function answeredLate(
  { at, port }: Arrival,
  worker: string,
  { lateAnswers, faults }: Books,
  { sendTimeoutMs }: Limits,
): string | undefined {
  const answer = lateAnswers.find(
    (one) =>
      one.worker === worker &&
      one.port === port &&
      one.ms >= sendTimeoutMs - SLACK_MS &&
      one.askedAt <= at + SLACK_MS &&
      one.askedAt + one.ms >= at - SLACK_MS,
  )
  if (!answer) return undefined
  const slow = faults.find(
    ({ kind, target, from, to }) =>
      kind === 'net-latency' && target === `${worker}→provider` && from <= at + answer.ms && to >= answer.askedAt,
  )
  return slow
    ? told(slow)
    : `late answer (${worker}→provider: ${(answer.ms / 1000).toFixed(1)} s, the machine was busy)`
}

/** The second to arrive was sent first, and took so long on a slow way that it was given up. */
function lateArrival({ at, worker }: Arrival, { faults }: Books, { sendTimeoutMs }: Limits): string | undefined {
  const fault = faults.find(
    ({ target, from, to, latencyMs = 0 }) =>
      target === `${worker}→provider` &&
      2 * latencyMs + SLACK_MS >= sendTimeoutMs &&
      from <= at &&
      to >= at - latencyMs - SLACK_MS,
  )
  return fault && told(fault)
}

/** The worker ended, other than in good order, before it had written down the outcome. */
function ended({ at }: Arrival, worker: string, { ends, faults }: Books): string | undefined {
  const end = ends.find(
    (one) => one.process === worker && one.code !== 0 && isUnwrittenAt(one.at - SLACK_MS, at, worker, faults),
  )
  if (!end) return undefined
  const cause = faults.findLast(({ target, from }) => target === worker && from <= end.at)
  return `${cause ? told(cause) : worker}, ended by ${end.signal ?? `code ${end.code}`}`
}

/** The worker stood still before it had written down the outcome, for longer than it could keep the task. */
function frozen(
  first: Arrival,
  second: Arrival,
  worker: string,
  { faults }: Books,
  { sendTimeoutMs, leaseMs }: Limits,
): string | undefined {
  const margin = leaseMs - sendTimeoutMs
  const fault = faults.find(
    ({ kind, target, from, to }) =>
      kind === 'worker-freeze' &&
      target === worker &&
      to > first.at &&
      isUnwrittenAt(from, first.at, worker, faults) &&
      second.at >= first.at + margin,
  )
  return fault && told(fault)
}

/** MySQL could not be written to from before the outcome was known until the worker's lease was over. */
function notWritten(
  first: Arrival,
  second: Arrival,
  worker: string,
  { faults }: Books,
  { sendTimeoutMs, leaseMs }: Limits,
): string | undefined {
  const leaseOver = first.at + leaseMs - sendTimeoutMs
  if (second.at < leaseOver || !isUnwrittenAt(leaseOver, first.at, worker, faults)) return undefined
  const fault = hindrances(worker, faults).find(({ from, to }) => from <= first.at + RECORDING_MS && to >= first.at)
  return fault && told(fault)
}

/**
 * Whether the outcome of a call that arrived at `arrivedAt` may not have been committed by `time`: too soon, or MySQL could
 * not be written to by the worker from soon after the arrival until shortly before.
 */
function isUnwrittenAt(time: number, arrivedAt: number, worker: string, faults: readonly FaultRecord[]): boolean {
  if (time < arrivedAt - longestWay(arrivedAt, worker, faults) - 2 * SLACK_MS) return false
  let writtenBy = arrivedAt + RECORDING_MS
  for (const { from, to } of hindrances(worker, faults).toSorted((a, b) => a.from - b.from)) {
    if (from <= writtenBy && to + RECORDING_MS > writtenBy) writtenBy = to + RECORDING_MS
  }
  return time <= writtenBy
}

/** How long a request that arrived then may have been held on the worker's way to the provider, ms. */
function longestWay(arrivedAt: number, worker: string, faults: readonly FaultRecord[]): number {
  const ways = faults.map(({ target, from, to, latencyMs = 0 }) => {
    const isSlowThen = target === `${worker}→provider` && from <= arrivedAt && to >= arrivedAt - latencyMs - SLACK_MS
    return isSlowThen ? latencyMs : 0
  })
  return Math.max(0, ...ways)
}

/** What keeps a worker from writing to MySQL. */
function hindrances(worker: string, faults: readonly FaultRecord[]): FaultRecord[] {
  return faults.filter(({ target }) => target === 'mysql' || target === `${worker}→mysql`)
}

function told({ kind, target, detail }: FaultRecord): string {
  return `${kind} (${target}: ${detail})`
}
