import type { Books } from './books.ts'
import type { Double } from './check-books.ts'
import type { ChaosResult } from './run-chaos.ts'

/** Findings of one sort that are told in full. */
const MOST_SHOWN = 20
/** Faults that are named beside a finding: those that were there so shortly before or after. */
const NEAR_MS = 30_000

/** What a person reads at the end of a run. */
export function report(result: ChaosResult): string[] {
  const { verdict, books, recoverySeconds } = result
  const unexplained = verdict.doubles.filter(({ explanation }) => explanation === undefined)
  return [
    ...faultTable(books, verdict.doubles),
    '',
    ...answerTable(books),
    '',
    row('accepted', verdict.accepted),
    row('final, and as they should be', verdict.final),
    row('lost', new Set(verdict.lost.map(({ subject }) => subject)).size),
    row('calls that providers took', books.arrivals.length),
    row('sent twice, explained', verdict.doubles.length - unexplained.length),
    row(
      '  of these by a late answer alone',
      verdict.doubles.filter(({ explanation }) => explanation?.startsWith('late')).length,
    ),
    row('  of these shown twice', verdict.doubles.filter(({ second }) => second.shown).length),
    row('sent twice, unexplained', unexplained.length),
    row('wrong besides', verdict.wrong.length + result.unready.length),
    row(
      'all final after the last fault',
      recoverySeconds === null ? 'NOT within 60 s' : `${recoverySeconds.toFixed(1)} s`,
    ),
    ...evidence(result, unexplained),
  ]
}

function row(what: string, figure: string | number): string {
  return `${what.padEnd(36)} ${String(figure).padStart(8)}`
}

function faultTable({ faults }: Books, doubles: readonly Double[]): string[] {
  const kinds = Map.groupBy(faults, ({ kind }) => kind)
  const explainedBy = (kind: string) => doubles.filter(({ explanation }) => explanation?.startsWith(kind)).length
  return [
    `${'fault'.padEnd(20)} ${'times'.padStart(6)} ${'seconds'.padStart(8)} ${'doubles'.padStart(8)}`,
    ...[...kinds.keys()].toSorted().map((kind) => {
      const ofKind = kinds.get(kind) ?? []
      const seconds = ofKind.reduce((sum, { from, to }) => sum + (to - from) / 1000, 0)
      const figures = [
        String(ofKind.length).padStart(6),
        seconds.toFixed(1).padStart(8),
        String(explainedBy(kind)).padStart(8),
      ]
      return [kind.padEnd(20), ...figures].join(' ')
    }),
  ]
}

function answerTable({ told }: Books): string[] {
  const answers = Map.groupBy(
    told.flatMap(({ answers }) => answers),
    ({ status }) => status ?? 'no clear answer',
  )
  return [...answers].map(([status, list]) => row(`answered: ${status}`, list.length)).toSorted()
}

function evidence(result: ChaosResult, unexplained: readonly Double[]): string[] {
  const { verdict, books, unready, logFolder } = result
  const lines = [
    ...verdict.lost
      .slice(0, MOST_SHOWN)
      .map(({ subject, why }) => `LOST ${subject}: ${why}${answersOf(subject, books)}`),
    ...unexplained.slice(0, MOST_SHOWN).flatMap((double) => doubleEvidence(double, books)),
    ...verdict.wrong
      .slice(0, MOST_SHOWN)
      .map(({ subject, why }) => `WRONG ${subject}: ${why}${answersOf(subject, books)}`),
    ...unready.map((name) => `NOT READY at the end: ${name}`),
  ]
  if (result.ok) return []
  return ['', ...lines, '', `the processes' logs: ${logFolder}`]
}

function answersOf(messageId: string, { told }: Books): string {
  const answers = told.find((message) => message.messageId === messageId)?.answers
  return !answers ? '' : ` [${answers.map(({ at, status }) => `${status ?? 'none'} at ${time(at)}`).join(', ')}]`
}

function doubleEvidence({ messageId, channel, first, second }: Double, { faults, ends }: Books): string[] {
  const near = faults.filter(({ from, to }) => from <= second.at && to >= first.at - NEAR_MS)
  const endsNear = ends.filter(({ at }) => at >= first.at - NEAR_MS && at <= second.at)
  return [
    `UNEXPLAINED ${messageId} ${channel}: ${time(first.at)} by ${first.worker}, again ${time(second.at)} by ${second.worker}${second.shown ? '' : ' (dropped by the provider)'}`,
    ...near.map(({ kind, target, detail, from, to }) => `    ${time(from)} – ${time(to)} ${kind} ${target}: ${detail}`),
    ...endsNear.map(
      ({ process, at, code, signal }) => `    ${time(at)} ${process} ended (${signal ?? `code ${code}`})`,
    ),
  ]
}

function time(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(11, 23) : '…'
}
