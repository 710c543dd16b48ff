import { setTimeout as delay } from 'node:timers/promises'
import { awaitDatabase } from '@message-center/core/database/await-database.ts'
import { stopOnSignal } from '@message-center/core/process/stop-on-signal.ts'
import { readEnv, requireJwtKey } from '@message-center/core/settings/env.ts'
import { openLogger } from '@message-center/core/telemetry/open-logger.ts'
import { startTracing } from '@message-center/core/telemetry/start-tracing.ts'
import { buildApp } from './app.ts'
import { createAvailability } from './availability.ts'
import { registerInNacos } from './rpc/register-in-nacos.ts'

const NAME = 'message-center-api'
/** After the grace in which load balancers learn that this process goes. */
const SHUTDOWN_LIMIT_MS = 7_500

let stopping: AbortSignal | undefined

async function start(): Promise<void> {
  const env = readEnv()
  requireJwtKey(env)
  const logger = await openLogger(NAME, env)
  const tracing = await startTracing(env.tracing, NAME, logger)
  const availability = createAvailability()
  const { app, rpc, pool } = await buildApp(env, logger, { availability, tracing })
  let registration: ReturnType<typeof registerInNacos>
  const limitMs = env.shutdownGraceMs + SHUTDOWN_LIMIT_MS
  stopping = stopOnSignal({ name: 'api', limitMs, logger }, async ({ signal }) => {
    availability.leave()
    // First: whoever looks for the service finds the others.
    await registration?.stop()
    // A person at a terminal has no load balancer that needs the time.
    if (app.server.listening && signal === 'SIGTERM') await delay(env.shutdownGraceMs)
    await app.close()
    await tracing?.close()
  })
  // Balancers that do not ask take an open port for a server that works: it opens when that is so.
  await awaitDatabase(pool, logger, stopping)
  const rpcUrl = env.rpcPort === undefined ? undefined : await rpc.listen({ host: env.host, port: env.rpcPort })
  await app.listen({ host: env.host, port: env.port })
  if (rpcUrl) registration = registerInNacos(env, Number(new URL(rpcUrl).port), logger)
}

try {
  await start()
} catch (error) {
  // Told to stop while it waited: the closing above ends the process.
  if (!stopping?.aborted) {
    process.stderr.write(`api: ${error instanceof Error ? error.message : error}\n`)
    process.exit(1)
  }
}
