import { readFileSync } from 'node:fs'
import type { Setting } from '@message-center/core/contracts/settings.ts'
import { freePort } from '@message-center/devkit/services/ports.ts'
import { type NacosServer, startNacosServer } from '@message-center/devkit/testing/nacos-server.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
const USER = { username: 'mc', password: 'nacos-password' }
const CONFIGS = 'DEFAULT_GROUP message-center.json'

let nacos: NacosServer
let system: TestSystem
let rpcPort: number
beforeAll(async () => {
  nacos = await startNacosServer({ version: 3, user: USER })
  nacos.configs.set(CONFIGS, JSON.stringify({ retryMax: 7 }))
  rpcPort = await freePort()
  system = await startTestSystem({
    ...urls,
    workers: 0,
    variables: {
      NACOS_SERVER: `127.0.0.1:${await freePort()},${nacos.address}`,
      NACOS_USERNAME: USER.username,
      NACOS_PASSWORD: USER.password,
      RPC_PORT: String(rpcPort),
      RPC_VERSION: '1.0.0',
      RPC_ADVERTISE_HOST: '10.9.8.7',
    },
  })
})
afterAll(async () => {
  await system.stop()
  await nacos.stop()
})
const key = () => `DEFAULT_GROUP providers:com.messagecenter.api.MessageSendService:1.0.0: 10.9.8.7:${rpcPort}`
const log = () => readFileSync(system.apis[0]?.log ?? '', 'utf8')

test('its document stands in for the defaults, below what the API sets; what does not fit is left out and told', async () => {
  const call = system.caller({ roles: ['platform'] })
  const setting = async (name: string) => (await call<Setting>('GET', `/api/system-configs/${name}`)).body
  const becomes = (name: string, value: unknown) =>
    until(`${name} to be ${value}`, async () => (await setting(name)).value === value)
  await becomes('retryMax', 7)
  expect(await setting('retryMax')).toMatchObject({ defaultValue: 7, source: 'default' })

  nacos.configs.set(CONFIGS, JSON.stringify({ retryMax: 9, logLevel: 'debug', retentionMonths: 'x', unheardOf: 1 }))
  await becomes('retryMax', 9)
  await until('the level to follow', () => log().includes('"to":"debug"'))
  expect(await setting('retentionMonths')).toMatchObject({ value: 12 })
  for (const name of ['retentionMonths', 'unheardOf']) expect(log()).toContain(`'${name}' in Nacos is left out`)

  await call('PUT', '/api/system-configs/retryMax', { value: 2 })
  expect(await setting('retryMax')).toMatchObject({ value: 2, defaultValue: 9, source: 'tenant' })
  await call('DELETE', '/api/system-configs/retryMax')
  await becomes('retryMax', 9)

  nacos.configs.delete(CONFIGS)
  await becomes('retryMax', 3)
})

test('the RPC service is registered by its interface, again where Nacos has forgotten it, and not after its end', async () => {
  const registered = () => until('the registration', () => nacos.instances.get(key()))
  expect(await registered()).toEqual({
    ip: '10.9.8.7',
    port: rpcPort,
    metadata: expect.objectContaining({
      category: 'providers',
      protocol: 'tri',
      path: 'com.messagecenter.api.MessageSendService',
      interface: 'com.messagecenter.api.MessageSendService',
      side: 'provider',
      version: '1.0.0',
    }),
  })
  nacos.forgetTokens()
  nacos.instances.clear()
  await registered()
  await until('a beat', () => nacos.beats > 1)
  expect(await system.apis[0]?.stop()).toMatchObject({ code: 0 })
  expect(nacos.instances.size).toBe(0)
})
