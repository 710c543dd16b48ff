import { spawn, spawnSync } from 'node:child_process'

/** What the guard is told on its command line, as JSON. */
export interface GuardOrder {
  command: string
  args: string[]
  /** From SIGTERM to SIGKILL. */
  graceMs: number
  /** Runs when the child has ended, however that came. */
  afterwards?: { command: string; args: string[] }
}

/** Parent to guard: end the child with this signal. */
export interface StopRequest {
  stop: NodeJS.Signals
}

/** Guard to parent, over IPC. */
export type GuardReport = { spawned: number } | { failed: string } | { exited: ExitStatus }

export interface ExitStatus {
  code: number | null
  signal: NodeJS.Signals | null
}

/**
 * Stands between one long-lived child and the process that wanted it. The IPC channel breaks when the parent dies in
 * whatever way, and then the child is stopped: SIGTERM, after `graceMs` SIGKILL to all that it started. Lives in a
 * session of its own, so a terminal's Ctrl-C reaches neither the guard nor the child: the parent decides the order.
 */
function guard(order: GuardOrder): void {
  const child = spawn(order.command, order.args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'] })
  let deadline: NodeJS.Timeout | undefined

  const stop = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGKILL') killGroup(child.pid)
    else child.kill(signal)
    deadline ??= setTimeout(() => killGroup(child.pid), order.graceMs)
  }

  child.once('spawn', () => report({ spawned: child.pid ?? 0 }))
  child.once('error', (error) => report({ failed: error.message }, () => process.exit(127)))
  child.once('exit', (code, signal) => {
    clearTimeout(deadline)
    killGroup(child.pid)
    if (order.afterwards) spawnSync(order.afterwards.command, order.afterwards.args, { stdio: 'inherit' })
    report({ exited: { code, signal } }, () => process.exit(0))
  })
  process.on('message', (request: StopRequest) => stop(request.stop))
  process.on('disconnect', () => stop('SIGTERM'))
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop('SIGTERM'))
  if (!process.connected) stop('SIGTERM')
}

/** The child leads a process group of its own; what it has left behind ends with it. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: nothing is left. EPERM: on macOS, a group of zombies only.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM'))) throw error
  }
}

function report(message: GuardReport, done: () => void = () => {}): void {
  // A parent that is gone, or dies at this moment, does not want to know any more.
  if (process.connected && process.send) process.send(message, undefined, undefined, () => done())
  else done()
}

if (import.meta.main) guard(JSON.parse(process.argv[2] ?? ''))
