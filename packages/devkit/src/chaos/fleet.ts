import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExitStatus } from '../services/guard.ts'
import { type GuardedProcess, startGuarded } from '../services/guarded-process.ts'
import { freePort } from '../services/ports.ts'
import { workspaceRoot } from '../services/workspace.ts'
import type { ProcessEnd } from './books.ts'

const CLOCK_SHIFT = fileURLToPath(new URL('./clock-shift.ts', import.meta.url))
/** What a supervisor takes to start an ended process again. */
const RESTART_AFTER_MS = 500

/** One API or worker of the system under test, whichever process it is just now. */
export interface Member {
  readonly name: string
  readonly kind: 'api' | 'worker'
  /** Of the process of now: its HTTP port; a new one with each start. */
  port(): number
  pid(): number | undefined
  /** Sends SIGTERM, SIGKILL after 10 s, and waits for the end; it is started again. */
  stop(): Promise<ExitStatus | undefined>
  /** Kills it by SIGKILL and waits for its end; likewise. */
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void
  /** Sets what its `Date` says forward, or back, by so much. */
  shiftClock(ms: number): void
  isReady(): Promise<boolean>
}

export interface Fleet {
  members: Member[]
  /** Every process that ended, oldest first. */
  ends: ProcessEnd[]
  /** Lets no process be started again, and ends all. */
  stop(): Promise<void>
}

export interface MemberOptions {
  name: string
  kind: Member['kind']
  variables: Record<string, string>
}

/** Starts processes of the real `main.ts` and, as a supervisor does, starts each again when it has ended. */
export async function startFleet(options: readonly MemberOptions[], logFolder: string): Promise<Fleet> {
  const ends: ProcessEnd[] = []
  const stopping = new AbortController()
  const started = await Promise.all(options.map((one) => startMember(one, { logFolder, ends, stopping })))
  return {
    members: started.map(({ member }) => member),
    ends,
    async stop() {
      stopping.abort()
      await Promise.all(started.map(({ member, watching }) => Promise.all([endNow(member), watching])))
    },
  }
}

async function endNow(member: Member): Promise<void> {
  // A frozen process would be waited for in vain.
  member.signal('SIGCONT')
  await member.stop()
}

async function startMember(
  { name, kind, variables }: MemberOptions,
  shared: { logFolder: string; ends: ProcessEnd[]; stopping: AbortController },
): Promise<{ member: Member; watching: Promise<void> }> {
  const { logFolder, ends, stopping } = shared
  const clockFile = join(logFolder, `${name}.clock`)
  writeFileSync(clockFile, '0')
  let port = 0
  let app: GuardedProcess | undefined
  /** Set by whoever ends it on purpose. */
  let told: ProcessEnd['told'] = null

  async function start(): Promise<GuardedProcess> {
    port = await freePort()
    const portVariable = kind === 'api' ? 'PORT' : 'WORKER_METRICS_PORT'
    return startGuarded({
      name,
      log: join(logFolder, `${name}.log`),
      append: true,
      command: process.execPath,
      args: ['--import', CLOCK_SHIFT, join(workspaceRoot, `apps/${kind}/src/main.ts`)],
      env: { ...process.env, ...variables, CHAOS_CLOCK_FILE: clockFile, [portVariable]: String(port) },
      cwd: workspaceRoot,
    })
  }

  async function watch(first: GuardedProcess): Promise<void> {
    app = first
    for (;;) {
      const status = await app.exited
      app = undefined
      ends.push({ process: name, at: Date.now(), ...status, told })
      told = null
      if (stopping.signal.aborted) return
      await delay(RESTART_AFTER_MS)
      if (stopping.signal.aborted) return
      app = await start()
    }
  }

  const watching = watch(await start())
  const member: Member = {
    name,
    kind,
    port: () => port,
    pid: () => app?.pid,
    async stop() {
      if (!app) return undefined
      told = { signal: 'SIGTERM', at: Date.now() }
      return app.stop()
    },
    async kill() {
      if (!app) return
      told = { signal: 'SIGKILL', at: Date.now() }
      send(app.pid, 'SIGKILL')
      await app.exited
    },
    signal(signal) {
      if (app) send(app.pid, signal)
    },
    shiftClock: (ms) => writeFileSync(clockFile, String(Math.round(ms))),
    async isReady() {
      try {
        const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(3_000) })
        await response.body?.cancel()
        return response.ok
      } catch {
        // Not listening, or too busy to say so.
        return false
      }
    },
  }
  return { member, watching }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It has ended by itself meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
