import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, ownerRecord } from '../../bin/lock-file.mjs'
import type { ExitStatus } from './guard.ts'
import { type GuardedProcess, startGuarded } from './guarded-process.ts'
import { logTail } from './log-tail.ts'
import { freePort } from './ports.ts'

/** A MySQL or Redis server of our own, on 127.0.0.1. */
export interface PrivateServer {
  readonly name: string
  readonly url: string
  readonly port: number
  /** The server process of now; another one after `restart`. */
  readonly pid: number
  readonly log: string
  /** The end of the server process of now. */
  readonly exited: Promise<ExitStatus>
  /** Stops it (SIGTERM by default) and waits for its end. At once when it is not running. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and data, after stopping it if it still runs; resolves when it answers. */
  restart(): Promise<void>
}

export interface ServerDefinition {
  name: string
  /** Remembers the server process that uses the data now. */
  ownerFile: string
  log: string
  command: string
  args(port: number): string[]
  url(port: number): string
  /** Whether the server on this port takes clients. */
  answers(port: number): Promise<boolean>
  readyTimeoutMs: number
}

const PORT_ATTEMPTS = 3
/** Longer than a guard gives a server to end. */
const FORMER_SERVER_TIMEOUT_MS = 15_000

/**
 * Starts a server and waits until it answers.
 * @param fixedPort without it a free one is found, and another if somebody else takes that one first
 * @throws Error with the end of the server's own log
 */
export async function startPrivateServer(definition: ServerDefinition, fixedPort?: number): Promise<PrivateServer> {
  let port = fixedPort ?? (await freePort())
  let running: GuardedProcess | undefined
  for (let attempt = 1; running === undefined; attempt++) {
    try {
      running = await launch(definition, port, false)
    } catch (error) {
      const portIsTaken = /address already in use/i.test(String(error))
      if (fixedPort !== undefined || !portIsTaken || attempt === PORT_ATTEMPTS) throw error
      port = await freePort()
    }
  }
  return privateServer(definition, port, running)
}

function privateServer(definition: ServerDefinition, port: number, started: GuardedProcess): PrivateServer {
  let current = started
  return {
    name: definition.name,
    url: definition.url(port),
    port,
    log: definition.log,
    get pid() {
      return current.pid
    },
    get exited() {
      return current.exited
    },
    async stop(signal) {
      await current.stop(signal)
    },
    async restart() {
      await current.stop()
      current = await launch(definition, port, true)
    },
  }
}

async function launch(definition: ServerDefinition, port: number, append: boolean): Promise<GuardedProcess> {
  const { name, log, command } = definition
  await formerServerGone(definition)
  const server = await startGuarded({ name, log, command, args: definition.args(port), append })
  writeFileSync(definition.ownerFile, JSON.stringify(ownerRecord(server.pid)))
  const ready = await untilReady(() => definition.answers(port), server.exited, definition.readyTimeoutMs)
  if (ready === 'ready') return server
  await server.stop('SIGKILL')
  const reason =
    ready === 'exited' ? 'ended before it was ready' : `did not answer within ${definition.readyTimeoutMs / 1000} s`
  throw new Error(`${name} ${reason}; the end of ${log}:\n${logTail(log)}`)
}

/** A run that was killed leaves its servers to their guards, which take a moment to end them; two on the same data spoil it. */
async function formerServerGone({ name, ownerFile }: ServerDefinition): Promise<void> {
  if (!existsSync(ownerFile)) return
  const owner: ReturnType<typeof ownerRecord> = JSON.parse(readFileSync(ownerFile, 'utf8'))
  for (const deadline = Date.now() + FORMER_SERVER_TIMEOUT_MS; isAlive(owner); await delay(50)) {
    if (Date.now() > deadline) throw new Error(`${name}: process ${owner.pid} still uses the data beside ${ownerFile}`)
  }
}

/** Asks `isReady` again and again until it says yes, the process ends, or the time is over. */
export async function untilReady(
  isReady: () => Promise<boolean>,
  exited: Promise<unknown>,
  timeoutMs: number,
): Promise<'ready' | 'exited' | 'timeout'> {
  let hasExited = false
  exited.then(() => {
    hasExited = true
  })
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await delay(50)) {
    // In this order: somebody else's server on the same port must not pass for ours that could not start.
    const answers = await isReady()
    if (hasExited) return 'exited'
    if (answers) return 'ready'
  }
  return 'timeout'
}
