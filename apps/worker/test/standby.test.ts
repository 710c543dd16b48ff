import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import { received } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

/** Failures in a row that open a circuit. */
const THRESHOLD = 5

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), workers: 2 })
})
afterAll(() => system.stop())

let tenants = 800
/** A tenant whose robots are told apart by name; `first` answers 500 until it is healed. */
async function newTenant() {
  const tenantId = String(tenants++)
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', 'DINGTALK')
  const token = (name: string) => `${tenantId}-${name}`
  const fault = await system.sandbox.client.addFault({
    match: { token: token('first') },
    fault: { kind: 'http', status: 500 },
  })
  return {
    call,
    config: (name: string, fields: Record<string, unknown> = {}) =>
      createConfig(call, 'DINGTALK', {
        channelName: name,
        configJson: { mode: 'robot', accessToken: token(name) },
        retry: { max: 0, initialDelayMs: 1 },
        ...fields,
      }),
    heal: () => system.sandbox.client.removeFault(fault),
    async send(): Promise<string> {
      const message = { businessType: 'ORDER', businessData: { orderNo: 'A-1' } }
      const { body } = await call<{ messageId: string }>('POST', '/api/messages', message)
      return (await finalMessage(call, body.messageId)).status
    },
    calls: async (name: string) => (await received(system.sandbox, token(name))).length,
    circuit: async ({ id }: ChannelConfig) =>
      (await call<ChannelConfig>('GET', `/api/channel-configs/${id}`)).body.circuit,
  }
}

async function openCircuits(): Promise<number[]> {
  const pages = await Promise.all(system.workers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
  return pages.map((text) => Number(/^message_center_circuit_open\{channel="DINGTALK"\} (\d+)/m.exec(text)?.[1]))
}

test('a standby takes over from a config that keeps failing, until one message finds that it works again', async () => {
  const tenant = await newTenant()
  const first = await tenant.config('first', { priority: 1 })
  await tenant.config('standby', { priority: 2 })
  expect(first.circuit).toEqual({ state: 'CLOSED' })
  await until('the standby to take over', async () => (await tenant.send()) === 'SUCCESS')
  expect(await tenant.calls('first')).toBeGreaterThanOrEqual(THRESHOLD)
  const shown = await tenant.circuit(first)
  expect(shown?.state).toMatch(/OPEN$/)
  expect(Date.parse(shown?.nextProbeAt ?? '')).toBeGreaterThan(Date.parse(shown?.since ?? ''))
  const listed = await tenant.call<{ items: ChannelConfig[] }>('GET', '/api/channel-configs')
  expect(listed.body.items.map(({ circuit }) => circuit.state === 'CLOSED')).toEqual([false, true])
  await until('every worker to tell of it', async () => (await openCircuits()).every((count) => count === 1))

  await tenant.heal()
  await until('the circuit to be closed', async () => {
    expect(await tenant.send()).toBe('SUCCESS')
    return (await tenant.circuit(first))?.state === 'CLOSED'
  })
  const before = await tenant.calls('first')
  await until('messages to go there again', async () => {
    expect(await tenant.send()).toBe('SUCCESS')
    return (await tenant.calls('first')) > before
  })
})

test('without another config everything goes on as if there were no circuit', async () => {
  const tenant = await newTenant()
  const first = await tenant.config('first')
  for (let count = 1; count <= THRESHOLD + 5; count++) {
    expect(await tenant.send()).toBe('FAILED')
    expect(await tenant.calls('first')).toBe(count)
  }
  expect((await tenant.circuit(first))?.state).not.toBe('CLOSED')
  await tenant.heal()
  expect(await tenant.send()).toBe('SUCCESS')
  await until('the circuit to be closed', async () => (await tenant.circuit(first))?.state === 'CLOSED')
})

test('a changed config is tried at once', async () => {
  const tenant = await newTenant()
  const first = await tenant.config('first', { priority: 1 })
  await tenant.config('standby', { priority: 2 })
  await until('the standby to take over', async () => (await tenant.send()) === 'SUCCESS')
  await tenant.heal()
  const { status, body } = await tenant.call<ChannelConfig>('PUT', `/api/channel-configs/${first.id}`, {
    channelType: 'DINGTALK',
    channelName: 'first',
    configJson: { mode: 'robot', accessToken: '******' },
  })
  expect({ status, circuit: body.circuit }).toEqual({ status: 200, circuit: { state: 'CLOSED' } })
  const before = await tenant.calls('first')
  await until('messages to go there', async () => {
    expect(await tenant.send()).toBe('SUCCESS')
    return (await tenant.calls('first')) > before
  })
})
