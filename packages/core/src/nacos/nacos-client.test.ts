import { describe, expect, test } from 'vitest'
import { freePort } from '../../../devkit/src/services/ports.ts'
import { startNacosServer } from '../../../devkit/src/testing/nacos-server.ts'
import { createNacosClient } from './nacos-client.ts'

const USER = { username: 'mc', password: 'nacos-password' }
const INSTANCE = { service: 'providers:a.B:1.0:', group: 'G', ip: '10.0.0.1', port: 50_051, metadata: { path: 'a.B' } }

describe.each([1, 3] as const)('a server with the API of Nacos %s', (version) => {
  test('gives configs; takes, keeps and gives up an instance; the token is renewed, the node that answers is used', async () => {
    const nacos = await startNacosServer({ version, user: USER })
    nacos.configs.set('G settings.json', '{"a":1}')
    const servers = [`http://127.0.0.1:${await freePort()}/nacos`, `http://${nacos.address}/nacos`]
    const client = createNacosClient({ servers, namespace: 'n', group: 'G', dataId: undefined, ...USER })

    expect(await client.config('G', 'settings.json')).toBe('{"a":1}')
    expect(await client.config('G', 'nowhere')).toBeUndefined()
    expect(await client.beat(INSTANCE)).toBe(false)
    await client.register(INSTANCE)
    const { ip, port, metadata } = INSTANCE
    expect([...nacos.instances]).toEqual([['G providers:a.B:1.0: 10.0.0.1:50051', { ip, port, metadata }]])
    nacos.forgetTokens()
    expect(await client.beat(INSTANCE)).toBe(true)
    await client.deregister(INSTANCE)
    expect(nacos.instances.size).toBe(0)
    await nacos.stop()
    await expect(client.config('G', 'settings.json')).rejects.toThrow('no Nacos server answers')
  })

  test('a wrong password is said to be one', async () => {
    const nacos = await startNacosServer({ version, user: USER })
    const servers = [`http://${nacos.address}/nacos`]
    const wrong = { ...USER, password: 'another-password' }
    const client = createNacosClient({ servers, namespace: '', group: 'G', dataId: undefined, ...wrong })
    await expect(client.config('G', 'settings.json')).rejects.toThrow('Nacos refuses the user: HTTP 403')
    await nacos.stop()
  })
})
