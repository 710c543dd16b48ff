import type { Arrival, Books, Channel, FaultRecord, ProcessEnd, Stored, StoredTask, Told } from './books.ts'
import { explainDouble, type Limits } from './explain-double.ts'

/** What the three books say together. */
export interface Verdict {
  /** Messages that a client was told are taken. */
  accepted: number
  /** Of those, how many are final, their tasks and the providers' books in agreement. */
  final: number
  lost: Finding[]
  /** What is wrong besides: an answer, a status, something that nobody posted, a process that ended. */
  wrong: Finding[]
  doubles: Double[]
  ok: boolean
}

export interface Finding {
  /** A message's id, or the name of a process. */
  subject: string
  why: string
}

/** A call for a message that had arrived before. */
export interface Double {
  messageId: string
  channel: Channel
  first: Arrival
  second: Arrival
  /** The fault that kept the system from knowing; undefined: nothing excuses it. */
  explanation: string | undefined
}

/** Everything else is no answer that the contract knows for a good message. */
const KNOWN_ANSWERS: readonly (number | null)[] = [200, 202, 429, 503, null]
/** A process that cannot end what it has in hand gives up after this. */
const STOP_LIMIT_MS = 9_000
const FINAL: readonly string[] = ['SUCCESS', 'PARTIAL_SUCCESS', 'FAILED']

/**
 * Compares what the clients were told, what MySQL holds and what was received. Shares nothing with the code that it checks:
 * what a status has to be is said here once more.
 */
export function checkBooks(books: Books, limits: Limits): Verdict {
  const stored = Map.groupBy(books.stored, ({ messageId }) => messageId)
  const arrivals = Map.groupBy(books.arrivals, ({ messageId, channel }) => `${messageId} ${channel}`)
  const arrived = (messageId: string, channel: string) => arrivals.get(`${messageId} ${channel}`) ?? []
  const lost: Finding[] = []
  const wrong: Finding[] = []
  let accepted = 0

  for (const message of books.told) {
    const { messageId } = message
    for (const why of wrongAnswers(message)) wrong.push({ subject: messageId, why })
    const [row, ...others] = stored.get(messageId) ?? []
    const isAccepted = message.answers.some(isTaken)
    if (isAccepted) accepted += 1
    else wrong.push({ subject: messageId, why: 'was never taken, however often it was posted' })
    if (others.length > 0) wrong.push({ subject: messageId, why: `${others.length + 1} rows in MySQL` })
    // Refused, or never heard of again by its client: nothing was promised, but what is there has to be in order.
    const why = row ? shortcomings(message, row, arrived) : isAccepted ? ['accepted, and not in MySQL'] : []
    for (const one of why) lost.push({ subject: messageId, why: one })
    if (row) for (const one of contradictions(row)) wrong.push({ subject: messageId, why: one })
  }
  wrong.push(...strangers(books), ...books.ends.flatMap((end) => wrongEnd(end, books.faults)))
  const doubles = findDoubles([...arrivals.values()], books, limits)
  const unexplained = doubles.filter(({ explanation }) => explanation === undefined)
  return {
    accepted,
    final: accepted - new Set(lost.map(({ subject }) => subject)).size,
    lost,
    wrong,
    doubles,
    ok: lost.length === 0 && wrong.length === 0 && unexplained.length === 0,
  }
}

function isTaken({ status }: { status: number | null }): boolean {
  return status === 200 || status === 202
}

function wrongAnswers({ answers }: Told): string[] {
  const unknown = answers.filter(({ status }) => !KNOWN_ANSWERS.includes(status))
  const found = unknown.map(({ status, errorCode }) => `answered ${status}${errorCode ? ` ${errorCode}` : ''}`)
  // 202 says new; said twice, the first had been forgotten.
  if (answers.filter(({ status }) => status === 202).length > 1) found.push('accepted as new twice')
  return found
}

/** What a message lacks that its client may count on. */
function shortcomings(
  { channels, failing }: Told,
  row: Stored,
  arrived: (messageId: string, channel: string) => readonly Arrival[],
): string[] {
  if (!FINAL.includes(row.status) || !row.finished) return [`not final: ${row.status}`]
  return channels.flatMap((channel) => {
    const task = row.tasks.find((one) => one.channel === channel)
    if (!task) return [`no task for ${channel}`]
    if (failing.includes(channel)) return []
    if (task.status !== 'SUCCESS')
      return [`${channel} ${task.status} after ${task.retryCount} retries: ${task.resultMessage}`]
    return arrived(row.messageId, channel).length === 0 ? [`${channel} is recorded as sent, and never arrived`] : []
  })
}

/** Where a row and its tasks disagree. */
function contradictions(row: Stored): string[] {
  const found: string[] = []
  const channels = row.tasks.map(({ channel }) => channel)
  if (new Set(channels).size < channels.length) found.push(`two tasks of one channel: ${channels.join(', ')}`)
  if (!FINAL.includes(row.status)) return found
  const open = row.tasks.filter((task) => !isOver(task))
  if (open.length > 0) found.push(`${row.status}, with a task that is ${open.map(({ status }) => status).join(', ')}`)
  const succeeded = row.tasks.filter(({ status }) => status === 'SUCCESS').length
  const failed = row.tasks.length - succeeded
  const expected = failed === 0 ? 'SUCCESS' : succeeded === 0 ? 'FAILED' : 'PARTIAL_SUCCESS'
  if (row.status !== expected) found.push(`${row.status}, by its tasks ${expected}`)
  const counts = [row.totalChannels, row.successChannels, row.failedChannels]
  const counted = [row.tasks.length, succeeded, failed]
  if (counts.join() !== counted.join()) found.push(`counts ${counts.join('/')}, by its tasks ${counted.join('/')}`)
  return found
}

function isOver({ status, finished }: StoredTask): boolean {
  return (status === 'SUCCESS' || status === 'FAILED') && finished
}

/** What is stored or arrived, and nobody posted it, or not for this channel. */
function strangers({ told, stored, arrivals }: Books): Finding[] {
  const posted = new Map(told.map((message) => [message.messageId, message]))
  const unknownRows = stored.filter(({ messageId }) => !posted.has(messageId))
  const unknownCalls = arrivals.filter(({ messageId, channel }) => {
    const message = posted.get(messageId)
    return !message?.channels.includes(channel) || message.failing.includes(channel)
  })
  return [
    ...unknownRows.map(({ messageId }) => ({ subject: messageId, why: 'stored, and nobody posted it' })),
    ...unknownCalls.map(({ messageId, channel }) => ({
      subject: messageId,
      why: `arrived by ${channel}, which it was not for`,
    })),
  ]
}

/** A process ends when it is told to, and told in good order it ends in good order, within its time or what is left of it. */
function wrongEnd({ process, at, code, signal, told }: ProcessEnd, faults: readonly FaultRecord[]): Finding[] {
  const how = signal ?? `code ${code}`
  if (!told) return [{ subject: process, why: `ended by itself: ${how}` }]
  // Ended by the signal itself: it was still being loaded, and had taken nothing on.
  if (told.signal !== 'SIGTERM' || code === 0 || signal === 'SIGTERM') return []
  const tookMs = at - told.at
  const mayHaveWaited = faults.some(
    ({ target, from, to }) =>
      (target === 'mysql' || target === 'redis' || target.startsWith(`${process}→`)) && from <= at && to >= told.at,
  )
  if (tookMs >= STOP_LIMIT_MS && mayHaveWaited) return []
  return [{ subject: process, why: `was told to stop, and ended ${(tookMs / 1000).toFixed(1)} s later: ${how}` }]
}

function findDoubles(groups: readonly (readonly Arrival[])[], books: Books, limits: Limits): Double[] {
  return groups.flatMap((group) => {
    const inOrder = group.toSorted((a, b) => a.at - b.at)
    return inOrder.slice(1).map((second, index) => {
      const first = inOrder[index] ?? second
      const { messageId, channel } = second
      return { messageId, channel, first, second, explanation: explainDouble(first, second, books, limits) }
    })
  })
}
