import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createApiClient } from '@message-center/devkit/demo/api-client.ts'
import { seedDemo } from '@message-center/devkit/demo/seed.ts'
import { workspaceRoot } from '@message-center/devkit/services/workspace.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import type { TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { operationsOf, type Parameter, sampleOf } from './openapi-operations.ts'
import { runExamples } from './run-examples.ts'
import { useEveryTask } from './use-every-task.ts'

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
  await runRotation(variables)
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
  return String(example ?? schema.examples?.[0] ?? schema.enum?.[0] ?? sampleOf(schema))
}

async function runRotation(variables: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [join(workspaceRoot, 'packages/core/src/cli/rotate-keys.ts')], {
    env: {
      ...process.env,
      ...variables,
      CONFIG_ENCRYPTION_KEYS: `new:${'A'.repeat(43)}=,${variables.CONFIG_ENCRYPTION_KEYS}`,
    },
    stdio: 'inherit',
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`rotate-keys ended with ${code}`)
}
