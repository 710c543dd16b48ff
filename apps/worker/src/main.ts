import { readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import closeWithGrace from 'close-with-grace'
import { buildHealthServer } from './health-server.ts'
import { startWorker } from './worker.ts'

const SHUTDOWN_LIMIT_MS = 9_500

try {
  const env = readEnv()
  const logger = createLogger('message-center-worker', env.logLevel)
  const worker = await startWorker(env, logger)
  const health = buildHealthServer({ metrics: worker.metrics, metricsToken: env.metricsToken, ready: worker.ready })
  await health.listen({ host: env.host, port: env.workerMetricsPort })
  logger.info({ port: env.workerMetricsPort }, 'worker started')
  closeWithGrace({ delay: SHUTDOWN_LIMIT_MS, logger }, async ({ err, signal }) => {
    if (err) logger.fatal({ err }, 'uncaught')
    logger.info({ signal }, 'worker stops')
    await worker.stop()
    await health.close()
    logger.info('worker stopped')
  })
} catch (error) {
  process.stderr.write(`worker: ${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
