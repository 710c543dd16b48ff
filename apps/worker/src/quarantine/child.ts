import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Count } from '@message-center/core/telemetry/counts.ts'
import type { Verdict } from '../delivery/verdict.ts'
import type { Order, Report, Work } from './protocol.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
/** Room for one message at a time: one that needs more is the one that is looked for. */
const HEAP_MB = 256

/** The process ended while it was at something. */
export class ChildDied extends Error {
  override readonly name = 'ChildDied'
}

export interface Child {
  /** What it signs its claims with. */
  readonly holder: string
  /** It has ended, or was told to: it takes nothing more. */
  readonly gone: boolean
  /**
   * Has something run.
   * @returns the verdict on a delivery; null for a run of the pipeline
   * @throws ChildDied with how it ended; Error after a fault of the system, or where it could not even start
   */
  ask(work: Work): Promise<Verdict | null>
  /** Breaks off the sends under way. */
  abort(): void
  /** Lets it end what it has in hand; resolves when it is gone. */
  stop(): Promise<void>
}

/** Starts a process that runs one thing or a few, and whose end harms nothing else. */
export function startChild(onCounts: (counts: Count[]) => void): Child {
  const holder = `q${randomBytes(6).toString('hex')}.`
  const child = fork(MAIN, [holder], {
    execArgv: [...process.execArgv, `--max-old-space-size=${HEAP_MB}`],
  })
  const inHand = new Map<number, PromiseWithResolvers<Verdict | null>>()
  const ready = Promise.withResolvers<void>()
  ready.promise.catch(() => undefined)
  let gone = false
  let asked = 0

  child.on('message', (report: Report) => {
    if ('ready' in report) return ready.resolve()
    onCounts(report.counts)
    const asker = inHand.get(report.id)
    inHand.delete(report.id)
    if (report.fault === null) asker?.resolve(report.verdict)
    else asker?.reject(new Error(report.fault))
  })
  const exited = new Promise<void>((resolve) => {
    const end = (reason: string) => {
      gone = true
      ready.reject(new Error(`a quarantine process does not start: ${reason}`))
      for (const asker of inHand.values()) asker.reject(new ChildDied(reason))
      inHand.clear()
      resolve()
    }
    child.once('error', (error) => end(error.message))
    child.once('exit', (code, signal) => end(describeEnd(code, signal)))
  })

  return {
    holder,
    get gone() {
      return gone
    },
    async ask(work) {
      await ready.promise
      if (gone) throw new Error('the quarantine process has ended')
      const id = ++asked
      const asker = Promise.withResolvers<Verdict | null>()
      inHand.set(id, asker)
      give(child, { id, work })
      return asker.promise
    },
    abort: () => give(child, { abort: true }),
    async stop() {
      gone = true
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/** What cannot be sent finds a process that has ended, which `exit` tells. */
function give(child: ChildProcess, order: Order): void {
  if (child.connected) child.send(order, () => undefined)
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGALRM') return 'the process stood still in an endless loop and was ended (SIGALRM)'
  if (signal === 'SIGABRT' || code === 134) return 'the process ran out of memory, or native code gave up (SIGABRT)'
  return signal ? `the process was ended by ${signal}` : `the process ended with exit code ${code}`
}
