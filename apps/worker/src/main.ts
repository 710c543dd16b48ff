import { readEnv } from '@message-center/core/settings/env.ts'
import { openLogger } from '@message-center/core/telemetry/open-logger.ts'
import { startTracing } from '@message-center/core/telemetry/start-tracing.ts'
import closeWithGrace from 'close-with-grace'
import { buildHealthServer } from './health-server.ts'
import { startWorker } from './worker.ts'

const NAME = 'message-center-worker'
const SHUTDOWN_LIMIT_MS = 9_500

const stopping = new AbortController()

async function start(): Promise<void> {
  const env = readEnv()
  const logger = await openLogger(NAME, env)
  const tracing = await startTracing(env.tracing, {
    serviceName: NAME,
    onError: (text) => logger.warn(`traces: ${text}`),
  })
  // Nothing is in hand as long as the worker waits for the database.
  let endWork = async (): Promise<void> => undefined
  closeWithGrace({ delay: SHUTDOWN_LIMIT_MS, logger }, async ({ err, signal }) => {
    if (err) logger.fatal({ err }, 'uncaught')
    logger.info({ signal }, 'worker stops')
    stopping.abort()
    await endWork()
    await tracing?.close()
    logger.info('worker stopped')
  })
  const worker = await startWorker(env, logger, stopping.signal, tracing)
  const { metrics, ready, fault } = worker
  const health = buildHealthServer({ metrics, metricsToken: env.metricsToken, ready, fault })
  endWork = async () => {
    await worker.stop()
    await health.close()
  }
  await health.listen({ host: env.host, port: env.workerMetricsPort })
  logger.info({ port: env.workerMetricsPort }, 'worker started')
}

try {
  await start()
} catch (error) {
  // Told to stop while it waited: the closing above ends the process.
  if (!stopping.signal.aborted) {
    process.stderr.write(`worker: ${error instanceof Error ? error.message : error}\n`)
    process.exit(1)
  }
}
