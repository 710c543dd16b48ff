import { join } from 'node:path'
import type { HeldLock } from '../../bin/lock-file.mjs'
import { createApiClient } from '../demo/api-client.ts'
import { DEMO_TENANT } from '../demo/catalogue.ts'
import { describeMessage, sendDemoMessage } from '../demo/demo-message.ts'
import { demoSecrets } from '../demo/secrets.ts'
import { seedDemo } from '../demo/seed.ts'
import { signToken } from '../demo/token.ts'
import { welcome } from '../demo/welcome.ts'
import { startApp } from '../services/app-process.ts'
import { loadDotEnv } from '../services/dot-env.ts'
import { killGuarded, stopGuarded } from '../services/guarded-process.ts'
import { logTail } from '../services/log-tail.ts'
import { migrateDatabase } from '../services/migration.ts'
import { portOrFree } from '../services/ports.ts'
import { say, step } from '../services/progress.ts'
import { describeRun, lockDataDir } from '../services/run-lock.ts'
import { type ServiceProcess, startServices } from '../services/services.ts'
import { onShutdownRequest } from '../services/shutdown-request.ts'
import { dataDir } from '../services/workspace.ts'

const TOKEN_SECONDS = 12 * 3600
const API_PORT = 3000
const RPC_PORT = 50_051
const WORKER_METRICS_PORT = 9464
const SANDBOX_PORT = 4010
const logFolder = join(dataDir, 'logs')
const logOf = (name: string) => join(logFolder, `${name}.log`)

let ending = false

/** `npm start`: the whole system on this machine, with a demo tenant, until Ctrl-C. */
async function main(): Promise<void> {
  const locked = lockDataDir(dataDir)
  if ('running' in locked) {
    process.stderr.write(`npm start runs already: ${describeRun(locked.running)}\n`)
    process.exit(1)
  }
  onShutdownRequest(
    (reason) => end(locked.lock, `\n${reason}: stopping`, 0),
    () => {
      say('stopping at once')
      killGuarded()
      locked.lock.release()
      process.exit(130)
    },
  )
  try {
    await bringUp(locked.lock)
  } catch (error) {
    await end(locked.lock, error instanceof Error ? error.message : String(error), 1)
  }
}

/** Stops everything in the reverse order of its start and exits. Only the first call counts. */
async function end(lock: HeldLock, reason: string, exitCode: number): Promise<void> {
  if (ending) return
  ending = true
  say(reason)
  await stopGuarded((name) => say(`  stopping ${name}`))
  lock.release()
  say('everything is stopped')
  process.exit(exitCode)
}

async function bringUp(lock: HeldLock): Promise<void> {
  loadDotEnv()
  const watch = (found: ServiceProcess) => watchOver(found, lock)
  const services = await step('MySQL and Redis', (progress) => startServices({ dataDir, progress }))
  services.processes.forEach(watch)
  lock.update({ databaseUrl: services.databaseUrl })

  await step('Database schema', async (note) => {
    const log = logOf('migrate')
    const migrated = await migrateDatabase(services.databaseUrl, log)
    if (!migrated) throw new Error(`the migration failed:\n${logTail(log)}`)
    note(logTail(log, 1).trim())
  })

  const secrets = demoSecrets(join(dataDir, 'secrets.json'), process.env)
  const sandboxPort = Number(process.env.SANDBOX_PORT) || (await portOrFree(SANDBOX_PORT))
  const sandboxUrl = `http://127.0.0.1:${sandboxPort}`
  await step('Provider sandbox', async (note) => {
    watch(
      await startApp({
        name: 'Provider sandbox',
        script: 'packages/devkit/src/sandbox/main.ts',
        env: { SANDBOX_PORT: String(sandboxPort) },
        readyUrl: `${sandboxUrl}/health`,
        log: logOf('sandbox'),
      }),
    )
    note(sandboxUrl)
  })

  const { apiUrl, workerMetricsUrl } = await startProcesses(
    { ...secrets, ...sandboxUrls(sandboxUrl), DATABASE_URL: services.databaseUrl, REDIS_URL: services.redisUrl },
    watch,
  )
  lock.update({ databaseUrl: services.databaseUrl, url: apiUrl })
  const token = demoToken(secrets.JWT_SECRET)
  await sendFirstMessage(apiUrl, token)
  const { OPS_USER: opsUser, OPS_PASSWORD: opsPassword } = secrets
  for (const line of welcome({ apiUrl, sandboxUrl, workerMetricsUrl, opsUser, opsPassword, token, logFolder }))
    say(line)
  say('\nRunning. Ctrl-C stops everything.')
}

/** Where the providers are: the sandbox, unless the environment names others. */
function sandboxUrls(sandboxUrl: string): Record<string, string> {
  const { DINGTALK_BASE_URL, DINGTALK_API_BASE_URL, WECHAT_WORK_BASE_URL } = process.env
  return {
    DINGTALK_BASE_URL: DINGTALK_BASE_URL || `${sandboxUrl}/dingtalk`,
    DINGTALK_API_BASE_URL: DINGTALK_API_BASE_URL || `${sandboxUrl}/dingtalk`,
    WECHAT_WORK_BASE_URL: WECHAT_WORK_BASE_URL || `${sandboxUrl}/wecom`,
  }
}

/** Starts worker and API, which end in the reverse order: nothing new comes in before the worker goes. */
async function startProcesses(env: Record<string, string>, watch: (found: ServiceProcess) => void) {
  const metricsPort = Number(process.env.WORKER_METRICS_PORT) || (await portOrFree(WORKER_METRICS_PORT))
  const apiPort = Number(process.env.PORT) || (await portOrFree(API_PORT))
  const rpcPort = process.env.RPC_PORT ?? String(await portOrFree(RPC_PORT))
  const workerMetricsUrl = `http://127.0.0.1:${metricsPort}`
  const apiUrl = `http://127.0.0.1:${apiPort}`
  await step('Worker and API', async (note) => {
    const worker = await startApp({
      name: 'Worker',
      script: 'apps/worker/src/main.ts',
      env: { ...env, WORKER_METRICS_PORT: String(metricsPort) },
      readyUrl: `${workerMetricsUrl}/health/ready`,
      log: logOf('worker'),
    })
    watch(worker)
    const api = await startApp({
      name: 'API',
      script: 'apps/api/src/main.ts',
      env: { ...env, PORT: String(apiPort), RPC_PORT: rpcPort },
      readyUrl: `${apiUrl}/health/ready`,
      log: logOf('api'),
    })
    watch(api)
    note(`${apiUrl}, logs in ${logFolder}`)
    if (rpcPort !== '') note(`Dubbo and gRPC on port ${rpcPort}`)
  })
  return { apiUrl, workerMetricsUrl }
}

function demoToken(secret: string): string {
  const { JWT_ISSUER: iss, JWT_AUDIENCE: aud } = process.env
  const claims = {
    sub: 'demo',
    tenantId: DEMO_TENANT,
    roles: ['admin' as const, 'operator' as const, 'sender' as const, 'viewer' as const],
  }
  return signToken(secret, { ...claims, ...(iss ? { iss } : {}), ...(aud ? { aud } : {}) }, TOKEN_SECONDS)
}

async function sendFirstMessage(apiUrl: string, token: string): Promise<void> {
  const api = createApiClient(apiUrl, token)
  await step('Demo tenant', () => seedDemo(api), {
    summary: ({ configs, templates }) =>
      `${configs} channel configs and ${templates} templates made, the others were there`,
  })
  await step('Demo message', async (note) => {
    for (const line of describeMessage(await sendDemoMessage(api))) note(line)
  })
}

function watchOver({ name, log, exited }: ServiceProcess, lock: HeldLock): void {
  exited.then(({ code, signal }) => {
    const how = signal === null ? `exit code ${code}` : signal
    return end(lock, `${name} ended unexpectedly (${how})${log ? `; the end of ${log}:\n${logTail(log)}` : ''}`, 1)
  })
}

await main()
