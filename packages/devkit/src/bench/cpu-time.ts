import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second in /proc, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100
const UTIME_FIELD = 11

/** The processes of each part of what is measured. */
export type Parts = Record<string, readonly number[]>

/** Seconds of user and system time of each part so far; empty where the machine has no /proc. */
export function cpuSeconds(parts: Parts): Record<string, number> {
  if (process.platform !== 'linux') return {}
  return Object.fromEntries(
    Object.entries(parts).map(([part, pids]) => [part, pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)]),
  )
}

/** What each part used between two readings, divided by `by`. */
export function cpuBetween(before: Record<string, number>, after: Record<string, number>, by: number) {
  return Object.fromEntries(Object.entries(after).map(([part, used]) => [part, (used - (before[part] ?? 0)) / by]))
}

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field, the name in brackets, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[UTIME_FIELD]) + Number(fields[UTIME_FIELD + 1])) / TICKS_PER_SECOND
}
