import { awaitDatabase } from '@message-center/core/database/await-database.ts'
import { readEnv, requireJwtKey } from '@message-center/core/settings/env.ts'
import { openLogger } from '@message-center/core/telemetry/open-logger.ts'
import { startTracing } from '@message-center/core/telemetry/start-tracing.ts'
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'
import { registerInNacos } from './rpc/register-in-nacos.ts'

const NAME = 'message-center-api'
const SHUTDOWN_LIMIT_MS = 9_500

const stopping = new AbortController()

async function start(): Promise<void> {
  const env = readEnv()
  requireJwtKey(env)
  const logger = await openLogger(NAME, env)
  const tracing = await startTracing(env.tracing, {
    serviceName: NAME,
    onError: (text) => logger.warn(`traces: ${text}`),
  })
  const { app, rpc, pool } = await buildApp(env, logger, tracing)
  let registration: ReturnType<typeof registerInNacos>
  // Before the waiting: a process that is told to stop while it waits stops as well.
  closeWithGrace({ delay: SHUTDOWN_LIMIT_MS, logger }, async ({ err, signal }) => {
    if (err) logger.fatal({ err }, 'uncaught')
    logger.info({ signal }, 'api stops')
    stopping.abort()
    // First: whoever looks for the service finds the others.
    await registration?.stop()
    await app.close()
    await tracing?.close()
    logger.info('api stopped')
  })
  await awaitDatabase(pool, logger, stopping.signal)
  const rpcUrl = env.rpcPort === undefined ? undefined : await rpc.listen({ host: env.host, port: env.rpcPort })
  await app.listen({ host: env.host, port: env.port })
  if (rpcUrl) registration = registerInNacos(env, Number(new URL(rpcUrl).port), logger)
}

try {
  await start()
} catch (error) {
  // Told to stop while it waited: the closing above ends the process.
  if (!stopping.signal.aborted) {
    process.stderr.write(`api: ${error instanceof Error ? error.message : error}\n`)
    process.exit(1)
  }
}
