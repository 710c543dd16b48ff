import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

/** A process that lives says so this often; for machines that cannot see each other's processes. */
const SIGN_OF_LIFE_MS = 60_000
const DEAD_AFTER_MS = 10 * SIGN_OF_LIFE_MS
/** Two that find the same dead process's name write theirs within microseconds; by then the later one is known. */
const TAKE_OVER_MS = 100
const MOST_PROCESSES = 1000

interface Holder {
  host: string
  pid: number
  /** What tells the process from a later one with the same id; '' where the system does not tell. */
  born: string
}

/**
 * Claims a name for the log files of this process, so that no two write the same file: `base`, else `base-2`, `base-3` …
 * A process that ended leaves its name to the next one. The claim is a file `<name>.lock`.
 * @returns the name
 */
export async function claimLogName(base: string): Promise<string> {
  for (let number = 1; number <= MOST_PROCESSES; number++) {
    const name = number === 1 ? base : `${base}-${number}`
    if (await claim(`${name}.lock`)) {
      setInterval(() => showLife(`${name}.lock`), SIGN_OF_LIFE_MS).unref()
      return name
    }
  }
  throw new Error(`${MOST_PROCESSES} processes write logs as ${base}`)
}

async function claim(lock: string): Promise<boolean> {
  const draft = `${lock}.${randomUUID()}`
  const mine = JSON.stringify({ host: hostname(), pid: process.pid, born: birthOf(process.pid) ?? '' } satisfies Holder)
  writeFileSync(draft, mine)
  try {
    // Whole or not at all, and only where there is none.
    linkSync(draft, lock)
    return true
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
    if (isHeld(lock)) return false
    renameSync(draft, lock)
    await delay(TAKE_OVER_MS)
    return readFileSync(lock, 'utf8') === mine
  } finally {
    rmSync(draft, { force: true })
  }
}

function isHeld(lock: string): boolean {
  const holder = readHolder(lock)
  const seen = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (!holder || Date.now() - seen > DEAD_AFTER_MS) return false
  return holder.host !== hostname() || birthOf(holder.pid) === holder.born
}

/** Undefined where nobody wrote it, or half of it. */
function readHolder(lock: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Holder
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Undefined for a process that has ended. */
function birthOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0) ? '' : undefined
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc_pid_stat(5): the name in parentheses may hold anything; after it come state (field 3) … start time (field 22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
    if (isErrno(error, 'EPERM')) return ''
    throw error
  }
}

function showLife(lock: string): void {
  try {
    utimesSync(lock, new Date(), new Date())
  } catch (error) {
    // Somebody has removed it: the next process to come may take the name, and they share a file. Nothing is lost by it.
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
