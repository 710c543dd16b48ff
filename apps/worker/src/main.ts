import { readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import closeWithGrace from 'close-with-grace'
import { buildHealthServer } from './health-server.ts'
import { startWorker } from './worker.ts'

const SHUTDOWN_LIMIT_MS = 9_500

const stopping = new AbortController()

async function start(): Promise<void> {
  const env = readEnv()
  const logger = createLogger('message-center-worker', env.logLevel)
  // Nothing is in hand as long as the worker waits for the database.
  let endWork = async (): Promise<void> => undefined
  closeWithGrace({ delay: SHUTDOWN_LIMIT_MS, logger }, async ({ err, signal }) => {
    if (err) logger.fatal({ err }, 'uncaught')
    logger.info({ signal }, 'worker stops')
    stopping.abort()
    await endWork()
    logger.info('worker stopped')
  })
  const worker = await startWorker(env, logger, stopping.signal)
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
