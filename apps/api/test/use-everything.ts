import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createDatabasePool } from '@message-center/core/database/pool.ts'
import { claimTasks } from '@message-center/core/messages/claim-tasks.ts'
import { noteInterruptions, noteMessageCrash, noteTaskCrash } from '@message-center/core/messages/interruptions.ts'
import { createApiClient } from '@message-center/devkit/demo/api-client.ts'
import { seedDemo } from '@message-center/devkit/demo/seed.ts'
import { workspaceRoot } from '@message-center/devkit/services/workspace.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { storeDispatched, storePending } from '@message-center/devkit/testing/stored-messages.ts'
import type { TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { operationsOf, type Parameter, sampleOf } from './openapi-operations.ts'
import { runExamples } from './run-examples.ts'
import { useEveryTask } from './use-every-task.ts'

/** Amid the rows of a system that has grown for a year: before an empty month's rows the servers plan otherwise. */
const HALF_A_YEAR_AGO = new Date(Date.now() - 182 * 86_400_000).toISOString()

/**
 * Makes a system do whatever it can: every operation with its examples, every list with each of its conditions and each two of
 * them, and in the workers every way that a task can take. Whoever adds a statement that none of this sends adds what sends it.
 * @param variables the environment of its processes
 */
export async function useEverything(system: TestSystem, variables: Record<string, string>): Promise<void> {
  const all = { ...variables, CALLBACK_ALLOW_CIDRS: '127.0.0.0/8', SEND_TIMEOUT_MS: '2000', CHANNEL_CONCURRENCY: '4' }
  await system.startApi(all)
  await prepareUpkeep(system)
  await system.startWorker(all)
  const roles = ['admin', 'sender', 'viewer', 'operator'] as const
  const call = system.caller({ roles: [...roles] })
  await Promise.all([useLists(system, call), useEveryTask(system, all)])
  await seedDemo(createApiClient(system.apis[0]?.url ?? '', system.token({ roles: [...roles] })))
  await runExamples(system, call)
  const rotated = { CONFIG_ENCRYPTION_KEYS: `new:${'A'.repeat(43)}=,${variables.CONFIG_ENCRYPTION_KEYS}` }
  await runCommand('rotate-keys', { ...variables, ...rotated })
  await noteCrashes(system, variables.DATABASE_URL ?? '')
  await Promise.all([...system.apis, ...system.workers].map((app) => app.stop()))
  await runCommand('after-restore', variables)
}

/** What is past its time is there from the start: the first runs of the scheduled tasks find it. */
async function prepareUpkeep(system: TestSystem): Promise<void> {
  const platform = system.caller({ roles: ['platform'] })
  await platform('PUT', '/api/system-configs/retentionMonths', { value: 11 })
  await platform('PUT', '/api/system-configs/auditRetentionMonths', { value: 6 })
  await platform('PUT', '/api/system-configs/inboxRetentionDays', { value: 350 })
}

/** Each condition alone and with each other one, and the pages far down. */
async function useLists(system: TestSystem, call: ApiCaller): Promise<void> {
  const operations = await operationsOf(system.apis[0]?.url ?? '')
  for (const { method, path, parameters } of operations) {
    const conditions = parameters.filter(({ in: place, required }) => place === 'query' && !required)
    if (method !== 'GET' || path.includes('{') || path.endsWith('/stream')) continue
    const needed = parameters.filter(({ required }) => required)
    for (const [index, one] of conditions.entries()) {
      for (const other of conditions.slice(index)) {
        const query = new URLSearchParams()
        for (const parameter of [...needed, one, other]) query.set(parameter.name, textOf(parameter))
        await call('GET', `${path}?${query}`)
      }
    }
  }
  const { headers } = await call('GET', '/api/messages?page=60&pageSize=200')
  await call('GET', /<(.*)>/.exec(headers.get('link') ?? '')?.[1] ?? '')
}

function textOf({ example, schema }: Parameter): string {
  if (schema.format === 'date-time') return HALF_A_YEAR_AGO
  return String(example ?? schema.examples?.[0] ?? schema.enum?.[0] ?? sampleOf(schema))
}

/**
 * What a process that dies leaves behind, by the functions that note it: really dying takes as long as locks and leases last
 * (apps/worker/test/poison.ops.test.ts).
 */
async function noteCrashes({ pool }: TestSystem, databaseUrl: string): Promise<void> {
  const recorded = createDatabasePool({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined })
  const end = { holder: 'holder', alone: true, reason: 'killed', startedAt: new Date(), durationMs: 1 }
  const pending = await storePending(pool, 1)
  await noteInterruptions(recorded, pending)
  for (const ref of pending) await noteMessageCrash(recorded, ref, end)
  for (const task of await storeDispatched(pool, 1)) {
    await claimTasks(pool, [{ ...task, token: 'holder.1', dueBy: null, leaseMs: 60_000, takeOverFrom: null }])
    await noteTaskCrash(recorded, task, end)
  }
  await recorded.end()
}

async function runCommand(name: string, variables: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [join(workspaceRoot, `packages/core/src/cli/${name}.ts`)], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${name} ended with ${code}`)
}
