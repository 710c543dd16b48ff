import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createTestEnvironment, type TestEnvironment } from '@message-center/devkit/testing/test-environment.ts'
import type { Pool } from 'mysql2/promise'
import { buildApp } from '../src/app.ts'

/** An API of this process, listening on a free port, with a database of its own. */
export interface RunningApi {
  url: string
  /** Of its RPC port. */
  rpcUrl: string
  /** Its connections to its database, for what the API does not show. */
  pool: Pool
  environment: TestEnvironment
  /** Calls it; `claims` replace those of an admin and sender of tenant 1. */
  caller(claims?: Parameters<TestEnvironment['token']>[0]): ApiCaller
  stop(): Promise<void>
}

/**
 * Starts one and waits until it is ready.
 * @param variables replace or add to the environment
 */
export async function startApiHere(
  urls: { databaseUrl: string; redisUrl: string },
  variables: Record<string, string> = {},
): Promise<RunningApi> {
  const environment = await createTestEnvironment(urls, { LOG_LEVEL: 'info', ...variables })
  const env = readEnv(environment.variables)
  const logFile = openSync(join(environment.logFolder, 'api.log'), 'a')
  const log = { write: (line: string) => writeSync(logFile, line) }
  const { app, rpc, pool } = await buildApp(env, createLogger('api-test', env.logLevel, log))
  const rpcUrl = await rpc.listen({ host: '127.0.0.1', port: 0 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    rpcUrl,
    pool,
    environment,
    caller: (claims) => createApiCaller(url, environment.token(claims)),
    async stop() {
      await app.close()
      await environment.remove()
    },
  }
}
