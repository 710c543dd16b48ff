import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExitStatus, GuardOrder, GuardReport } from './guard.ts'

const GUARD = fileURLToPath(new URL('./guard.ts', import.meta.url))
const GRACE_MS = 10_000

export interface GuardedOptions {
  /** What people call it: `MySQL`, `API` … */
  name: string
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** File that takes stdout and stderr; without it the child writes where this process does. */
  log?: string
  /** Keep what the log holds already. */
  append?: boolean
  graceMs?: number
  /** A command that the guard runs after the child has ended, also when this process is gone by then. */
  afterwards?: GuardOrder['afterwards']
}

export interface GuardedProcess {
  readonly name: string
  /** The process itself, not its guard. */
  readonly pid: number
  readonly log: string | undefined
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<ExitStatus>
  /** Signals the process, SIGKILL after 10 s, and waits for its end. At once when it has ended already. */
  stop(signal?: NodeJS.Signals): Promise<ExitStatus>
}

/** All guarded processes of this process, in the order of their start. */
const live = new Set<GuardedProcess>()
let closed = false

/**
 * Starts a process that ends when this one does, in whatever way that happens (see guard.ts).
 * @throws Error when it cannot be started, or after `stopGuarded`
 */
export async function startGuarded(options: GuardedOptions): Promise<GuardedProcess> {
  if (closed) throw new Error(`${options.name} is not started: shutting down`)
  const guard = spawnGuard(options)
  let status: ExitStatus | undefined
  const spawned = Promise.withResolvers<number>()
  guard.on('message', (report: GuardReport) => {
    if ('spawned' in report) spawned.resolve(report.spawned)
    else if ('failed' in report) spawned.reject(new Error(`${options.name}: ${report.failed}`))
    else status = report.exited
  })
  const ended = Promise.all([once(guard, 'exit'), once(guard, 'disconnect')])
  ended.then(
    () => spawned.reject(new Error(`${options.name}: its guard process ended at once`)),
    (error) => spawned.reject(error),
  )
  const pid = await spawned.promise
  const exited = ended.then(() => {
    live.delete(guarded)
    return status ?? killForsaken(pid)
  })
  const guarded: GuardedProcess = {
    name: options.name,
    pid,
    log: options.log,
    exited,
    stop(signal = 'SIGTERM') {
      // A channel that has closed meanwhile means that the process has ended, which `exited` tells.
      if (guard.connected) guard.send({ stop: signal }, () => {})
      return exited
    },
  }
  live.add(guarded)
  if (closed) await guarded.stop()
  return guarded
}

/** Runs a command to its end under a guard; see `startGuarded`. */
export async function runGuarded(options: GuardedOptions): Promise<ExitStatus> {
  const guarded = await startGuarded(options)
  return await guarded.exited
}

/**
 * Stops all guarded processes one after the other, the last started first, and lets no new one start.
 * @param onStop told the name of each before it is stopped
 */
export async function stopGuarded(onStop: (name: string) => void): Promise<void> {
  closed = true
  for (let last = [...live].at(-1); last; last = [...live].at(-1)) {
    onStop(last.name)
    await last.stop()
  }
}

/** Ends all guarded processes now, without waiting. */
export function killGuarded(): void {
  closed = true
  for (const { pid } of live) killForsaken(pid)
}

function spawnGuard(options: GuardedOptions): ChildProcess {
  const order: GuardOrder = {
    command: options.command,
    args: options.args,
    graceMs: options.graceMs ?? GRACE_MS,
    ...(options.afterwards ? { afterwards: options.afterwards } : {}),
  }
  const output = openLog(options)
  try {
    return spawn(process.execPath, [GUARD, JSON.stringify(order)], {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ['ignore', output, output, 'ipc'],
    })
  } finally {
    if (typeof output === 'number') closeSync(output)
  }
}

function openLog({ log, append }: GuardedOptions): number | 'inherit' {
  if (log === undefined) return 'inherit'
  mkdirSync(dirname(log), { recursive: true })
  return openSync(log, append ? 'a' : 'w', 0o600)
}

/** For a child whose guard was killed, the one way in which a guard does not end its child itself. */
function killForsaken(pid: number): ExitStatus {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
  return { code: null, signal: 'SIGKILL' }
}
