import { join } from 'node:path'
import { createDatabasePool } from '@message-center/core/database/pool.ts'
import type { Pool } from 'mysql2/promise'
import type { TokenClaims } from '../demo/token.ts'
import { type RunningSandbox, startSandbox } from '../sandbox/start.ts'
import { startApp } from '../services/app-process.ts'
import type { GuardedProcess } from '../services/guarded-process.ts'
import { freePort } from '../services/ports.ts'
import { type ApiCaller, createApiCaller } from './api-caller.ts'
import { createTestEnvironment } from './test-environment.ts'

export interface AppProcess extends GuardedProcess {
  url: string
}

/** A whole message center of real processes, with a provider sandbox, for one test file. */
export interface TestSystem {
  sandbox: RunningSandbox
  /** Connections to the system's database, for what the API does not show. */
  pool: Pool
  apis: AppProcess[]
  workers: AppProcess[]
  variables: Record<string, string>
  /** Calls the first API process; `claims` replace those of an admin and sender of tenant 1. */
  caller(claims?: Partial<TokenClaims>): ApiCaller
  /** A token of tenant 1's admin and sender; `claims` replace its own. */
  token(claims?: Partial<TokenClaims>): string
  /** @param readyPath what answers 200 once it may be used; `/health/ready` without it */
  startApi(variables?: Record<string, string>, readyPath?: string): Promise<AppProcess>
  startWorker(variables?: Record<string, string>, readyPath?: string): Promise<AppProcess>
  stop(): Promise<void>
}

export interface TestSystemOptions {
  databaseUrl: string
  redisUrl: string
  apis?: number
  workers?: number
  variables?: Record<string, string>
  /** A sandbox that runs already, and is stopped with the system; without it one is started in this process. */
  sandbox?: RunningSandbox
}

/** Starts the processes and waits until they are ready. */
export async function startTestSystem(options: TestSystemOptions): Promise<TestSystem> {
  const sandbox = options.sandbox ?? (await startSandbox())
  const environment = await createTestEnvironment(options, {
    DINGTALK_BASE_URL: `${sandbox.url}/dingtalk`,
    DINGTALK_API_BASE_URL: `${sandbox.url}/dingtalk`,
    WECHAT_WORK_BASE_URL: `${sandbox.url}/wecom`,
    ...options.variables,
  })
  const { variables } = environment
  const databaseUrl = variables.DATABASE_URL ?? ''
  const pool = createDatabasePool({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined }, 4)
  const apis: AppProcess[] = []
  const workers: AppProcess[] = []

  async function start(
    kind: 'api' | 'worker',
    list: AppProcess[],
    extra: Record<string, string>,
    readyPath = '/health/ready',
  ): Promise<AppProcess> {
    const portVariable = kind === 'api' ? 'PORT' : 'WORKER_METRICS_PORT'
    const port = Number(extra[portVariable] ?? (await freePort()))
    const url = `http://127.0.0.1:${port}`
    const app = await startApp({
      name: `${kind} ${list.length + 1}`,
      script: `apps/${kind}/src/main.ts`,
      env: { ...variables, [portVariable]: String(port), ...extra },
      readyUrl: `${url}${readyPath}`,
      log: join(environment.logFolder, `${kind}-${port}.log`),
    })
    const started = { ...app, url }
    list.push(started)
    return started
  }

  const startApi = (extra = {}, readyPath?: string) => start('api', apis, extra, readyPath)
  const startWorker = (extra = {}, readyPath?: string) => start('worker', workers, extra, readyPath)
  const { apis: apiCount = 1, workers: workerCount = 1 } = options
  await Promise.all([
    ...Array.from({ length: apiCount }, () => startApi()),
    ...Array.from({ length: workerCount }, () => startWorker()),
  ])
  return {
    sandbox,
    pool,
    apis,
    workers,
    variables,
    caller: (claims) => createApiCaller(apis[0]?.url ?? '', environment.token(claims)),
    token: environment.token,
    startApi,
    startWorker,
    async stop() {
      await Promise.all([...apis, ...workers].map((app) => app.stop()))
      await pool.end()
      await sandbox.stop()
      await environment.remove()
    },
  }
}
