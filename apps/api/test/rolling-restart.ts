import { setTimeout as delay } from 'node:timers/promises'
import { allFinal, received } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { startBalancedClients } from '@message-center/devkit/testing/keep-alive-clients.ts'
import { type AppProcess, startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { expect, inject } from 'vitest'

/** Two API processes and two workers; a balancer has `graceMs` to notice that one goes. */
export async function startRestartableSystem(graceMs: number): Promise<TestSystem> {
  const system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    apis: 2,
    workers: 2,
    variables: { SHUTDOWN_GRACE_MS: String(graceMs) },
  })
  const call = system.caller()
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: 'rolling' } })
  await createTemplate(call, 'ROLL', 'WECHAT_WORK')
  await system.sandbox.client.settings({ latencyMs: 20 })
  return system
}

/** One after the other, on the port of the former; the next only once the new one is ready, as an orchestrator does. */
async function replaceAll(list: AppProcess[], start: (port: string) => Promise<AppProcess>): Promise<void> {
  for (const [index, former] of list.entries()) {
    expect(await former.stop('SIGTERM')).toEqual({ code: 0, signal: null })
    list[index] = await start(new URL(former.url).port)
    await delay(100)
  }
}

/**
 * Replaces every process several times while clients post: no call may fail, nothing may be lost or sent twice.
 * @param urls where the clients send to: the processes of now, or what stands before them
 * @returns what there is to tell
 */
export async function restartUnderLoad(
  system: TestSystem,
  rounds: number,
  urls: (apis: readonly AppProcess[]) => string[],
): Promise<string> {
  const [apis, workers] = [[...system.apis], [...system.workers]]
  const clients = startBalancedClients({
    servers: () => urls(apis),
    token: system.token(),
    clients: 8,
    body: (messageId) => ({ businessType: 'ROLL', businessData: { orderNo: messageId } }),
  })
  const { books } = clients
  await until('some load', () => books.accepted.length > 50)
  for (let round = 0; round < rounds; round++) {
    await Promise.all([
      replaceAll(apis, (PORT) => system.startApi({ PORT })),
      replaceAll(workers, (WORKER_METRICS_PORT) => system.startWorker({ WORKER_METRICS_PORT })),
    ])
  }
  await clients.stop()
  expect(books.failed).toEqual([])
  const accepted = books.accepted.length
  expect(await allFinal(system.pool, '1')).toEqual({ SUCCESS: accepted })
  const texts = (await received(system.sandbox, 'rolling')).map(({ payload }) => JSON.stringify(payload))
  expect({ sent: texts.length, different: new Set(texts).size }).toEqual({ sent: accepted, different: accepted })
  return `${rounds * 4} processes replaced: ${accepted} accepted, ${books.failed.length} failed, ${texts.length} sent`
}
