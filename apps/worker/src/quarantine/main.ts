import { readEnv } from '@message-center/core/settings/env.ts'
import { createCountReader } from '@message-center/core/telemetry/counts.ts'
import { openLogger } from '@message-center/core/telemetry/open-logger.ts'
import { watchLoop } from '../loop-watch.ts'
import { startWorker } from '../worker.ts'
import type { Order, Report, Work } from './protocol.ts'

/*
 * The process that child.ts starts: it takes nothing from queues, but does what its parent asks for, and ends with it. An error
 * that nobody catches ends it at once, which is what it is for.
 */

const SERVICE = 'message-center-worker'
/** What runs here takes milliseconds but for the waiting. */
const STANDSTILL_LOOKS = 5
/** After the end of the parent; longer sends are broken off, and their outcome is recorded. */
const SEND_GRACE_MS = 6_000
const STOP_LIMIT_MS = 9_500

// The parent is told, and tells.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
let stop = (): void => process.exit(0)
process.once('disconnect', () => stop())
await start(process.argv[2] ?? '')

async function start(holder: string): Promise<void> {
  const env = readEnv()
  const worker = await startWorker(env, await openLogger(SERVICE, env), new AbortController().signal, { holder })
  const readCounts = createCountReader(worker.metrics.registry)
  let inHand = 0
  let stopping = false

  async function answer(id: number, work: Work): Promise<void> {
    inHand += 1
    const result = await worker.run(work).then(
      (verdict) => ({ verdict, fault: null }),
      (error) => ({ verdict: null, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
    report({ id, ...result, counts: await readCounts() })
    inHand -= 1
    endIfDone()
  }

  function endIfDone(): void {
    if (stopping && inHand === 0) void worker.stop().then(() => process.exit(0))
  }

  // The parent is gone, in whatever way: what is in hand may still end well.
  stop = () => {
    stopping = true
    setTimeout(() => worker.abortSends(), SEND_GRACE_MS).unref()
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref()
    endIfDone()
  }
  process.on('message', (order: Order) => {
    if ('abort' in order) worker.abortSends()
    else void answer(order.id, order.work)
  })
  watchLoop(STANDSTILL_LOOKS, SERVICE)
  report({ ready: true })
}

function report(told: Report): void {
  if (process.connected) process.send?.(told)
}
