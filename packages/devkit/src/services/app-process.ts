import { join } from 'node:path'
import { type GuardedProcess, startGuarded } from './guarded-process.ts'
import { logTail } from './log-tail.ts'
import { untilReady } from './private-server.ts'
import { workspaceRoot } from './workspace.ts'

const READY_TIMEOUT_MS = 60_000

export interface AppDefinition {
  name: string
  /** Path of the script from the workspace's root. */
  script: string
  /** Another workspace: another version of everything. */
  root?: string
  /** Added to this process's environment. */
  env: Record<string, string>
  /** Answers 200 when the process is ready. */
  readyUrl: string
  log: string
}

/**
 * Starts one of our own processes under a guard and waits until it says that it is ready.
 * @throws Error with the end of its log when it ends before that, or takes more than a minute
 */
export async function startApp({
  name,
  script,
  root = workspaceRoot,
  env,
  readyUrl,
  log,
}: AppDefinition): Promise<GuardedProcess> {
  const app = await startGuarded({
    name,
    log,
    command: process.execPath,
    args: [join(root, script)],
    env: { ...process.env, ...env },
    cwd: root,
  })
  const ready = await untilReady(() => answersOk(readyUrl), app.exited, READY_TIMEOUT_MS)
  if (ready === 'ready') return app
  await app.stop()
  const reason = ready === 'exited' ? 'ended before it was ready' : `was not ready after ${READY_TIMEOUT_MS / 1000} s`
  throw new Error(`${name} ${reason}; the end of ${log}:\n${logTail(log)}`)
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    // Not listening yet.
    return false
  }
}
