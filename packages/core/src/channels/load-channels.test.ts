import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { createPatientRedis, type RedisConnection } from '../queues/redis.ts'
import { createCipher } from '../secrets/cipher.ts'
import { readEnv } from '../settings/env.ts'
import { loadChannels } from './load-channels.ts'

const folder = mkdtempSync(join(tmpdir(), 'adapters-'))
let database: TestDatabase
let redis: RedisConnection
beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  redis = createPatientRedis(readEnv(database.variables))
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  redis.disconnect()
  await database.remove()
})

function load(modules: string) {
  const env = readEnv({ ...database.variables, CHANNEL_ADAPTERS: modules })
  const cipher = createCipher(env.encryptionKeys)
  return loadChannels(env, {
    pool: database.pool,
    redis,
    cipher,
    onTokenError: () => undefined,
    onWakeUpError: () => undefined,
  })
}

function adapterFile(name: string, fields: Record<string, string> = {}): string {
  const parts = {
    type: "'FAX'",
    displayName: "'Fax'",
    configSchema: "{ type: 'object', $id: 'fax' }",
    secretFields: '[]',
    messageTypes: "['TEXT']",
    rateLimit: "{ count: 1, window: 1, unit: 'SECOND' }",
    send: 'async () => ({})',
    ...fields,
  }
  const file = join(folder, name)
  const lines = Object.entries(parts).map(([key, value]) => `${key}: ${value},`)
  writeFileSync(file, `export default { ${lines.join(' ')} }`)
  return file
}

describe('CHANNEL_ADAPTERS', () => {
  test('adds channels after the built-in ones, in its order; a path may be relative to the working directory', async () => {
    const pager = adapterFile('pager.js', { type: "'PAGER'", configSchema: "{ type: 'object' }" })
    const registry = await load(`${adapterFile('fax.js')},${relative(process.cwd(), pager)}`)
    expect([...registry.keys()]).toEqual(['DINGTALK', 'WECHAT_WORK', 'LOCAL', 'FAX', 'PAGER'])
  })

  test.each([
    ['without a type', { type: 'undefined' }, /type must match/],
    ['with a type that no queue can be named after', { type: "'fax machine'" }, /'fax machine': type must match/],
    ['of a type that is taken', { type: "'LOCAL'" }, /'LOCAL' is registered twice/],
    ['that cannot send', { send: '1' }, /it has no function send/],
    ['with a schema that is none', { configSchema: "{ type: 'nonsense' }" }, /schema is invalid|type must be/],
  ])('names a module %s', async (title, fields, reason) => {
    const file = adapterFile(`${title.replaceAll(' ', '-')}.js`, fields)
    const error: Error = await load(file).then(
      () => new Error('it loaded'),
      (thrown) => thrown,
    )
    expect(error.message.startsWith(`CHANNEL_ADAPTERS: ${file} does not load: `), error.message).toBe(true)
    expect(error.message).toMatch(reason)
  })

  test.each([
    ['does not exist', undefined, /there is no .*does-not-exist\.js/],
    ['does not parse', 'export default {', /Unexpected|parse/],
    ['has no default export', 'export const adapter = {}', /no object as its default export/],
    ['throws', "throw new Error('out of paper')", /out of paper/],
    ['is half an adapter', "export default { type: 'HALF' }", /it has no configSchema, secretFields, .*function send/],
  ])('names a module that %s', async (title, content, reason) => {
    const file = join(folder, `${title.replaceAll(' ', '-')}.js`)
    if (content !== undefined) writeFileSync(file, content)
    await expect(load(file)).rejects.toThrow(`CHANNEL_ADAPTERS: ${file} does not load: `)
    await expect(load(file)).rejects.toThrow(reason)
  })

  test('tells where it looked for a relative path, and a package by its name', async () => {
    await expect(load('./nowhere.js')).rejects.toThrow(`there is no ${join(process.cwd(), 'nowhere.js')}`)
    await expect(load('@acme/nowhere')).rejects.toThrow("Cannot find package '@acme/nowhere'")
  })
})
