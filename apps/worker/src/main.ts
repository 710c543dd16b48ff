import { stopOnSignal } from '@message-center/core/process/stop-on-signal.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import { openLogger } from '@message-center/core/telemetry/open-logger.ts'
import { startTracing } from '@message-center/core/telemetry/start-tracing.ts'
import { buildHealthServer } from './health-server.ts'
import { watchLoop } from './loop-watch.ts'
import { type RunningWorker, startWorker } from './worker.ts'

const NAME = 'message-center-worker'
const SHUTDOWN_LIMIT_MS = 9_500
/** As long as the lock of a job: by then others may have taken what this process has in hand. */
const STANDSTILL_LOOKS = 20

let stopping: AbortSignal | undefined

async function start(): Promise<void> {
  const env = readEnv()
  const logger = await openLogger(NAME, env)
  const tracing = await startTracing(env.tracing, NAME, logger)
  let worker: RunningWorker | undefined
  const health = buildHealthServer({
    metricsToken: env.metricsToken,
    worker: () => worker,
    stopping: () => stopping?.aborted === true,
  })
  stopping = stopOnSignal({ name: 'worker', limitMs: SHUTDOWN_LIMIT_MS, logger }, async ({ crashed }) => {
    await worker?.stop({ crashed })
    await tracing?.close()
    await health.close()
  })
  worker = await startWorker(env, logger, stopping, {
    tracing,
    // Whatever is wrong with the environment has been told by now.
    onWaiting: () => health.listen({ host: env.host, port: env.workerMetricsPort }),
  })
  watchLoop(STANDSTILL_LOOKS, NAME)
  logger.info({ port: env.workerMetricsPort }, 'worker started')
}

try {
  await start()
} catch (error) {
  // Told to stop while it waited: the closing above ends the process.
  if (!stopping?.aborted) {
    process.stderr.write(`worker: ${error instanceof Error ? error.message : error}\n`)
    process.exit(1)
  }
}
