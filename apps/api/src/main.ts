import { awaitDatabase } from '@message-center/core/database/await-database.ts'
import { readEnv, requireJwtKey } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'

const SHUTDOWN_LIMIT_MS = 9_500

try {
  const env = readEnv()
  requireJwtKey(env)
  const logger = createLogger('message-center-api', env.logLevel)
  const { app, pool } = await buildApp(env, logger)
  await awaitDatabase(pool, logger)
  await app.listen({ host: env.host, port: env.port })
  closeWithGrace({ delay: SHUTDOWN_LIMIT_MS, logger }, async ({ err, signal }) => {
    if (err) logger.fatal({ err }, 'uncaught')
    logger.info({ signal }, 'api stops')
    await app.close()
    logger.info('api stopped')
  })
} catch (error) {
  process.stderr.write(`api: ${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
