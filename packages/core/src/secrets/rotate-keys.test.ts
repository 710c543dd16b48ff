import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { createCallbackSecretStore } from '../callbacks/callback-secret-store.ts'
import { openSecret } from '../callbacks/sealed-secret.ts'
import { createSigningSecrets } from '../callbacks/signing-secrets.ts'
import { createLocalAdapter } from '../channels/local/index.ts'
import { createChannelRegistry } from '../channels/registry.ts'
import { createChannelConfigStore } from '../configs/channel-config-store.ts'
import { createCipher } from './cipher.ts'
import { rotateKeys } from './rotate-keys.ts'

const OLD = { kid: 'old_key', key: randomBytes(32) }
const NEW = { kid: 'new', key: randomBytes(32) }
const ACTOR = { subject: 'tester', requestId: 'r', ip: '::1' }
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

/** A store that encrypts with the first of the keys. */
function storeWith(...keys: (typeof OLD)[]) {
  const registry = createChannelRegistry([createLocalAdapter({ pool: database.pool })])
  return createChannelConfigStore({ pool: database.pool, registry, cipher: createCipher(keys) })
}

const input = (name: string) => ({ channelType: 'LOCAL', channelName: name, configJson: { recipients: [name] } })

async function keyIds(): Promise<Set<string>> {
  const [rows] = await database.pool.query<RowDataPacket[]>('SELECT config_json FROM msg_channel_config')
  return new Set(rows.map(({ config_json }) => config_json.split('.')[1]))
}

test('beside people who keep changing configs: afterwards the old key opens nothing, and no change is lost', async () => {
  const before = storeWith(OLD)
  const ids: string[] = []
  for (let index = 0; index < 450; index++) {
    const { object } = await before.create({ tenantId: '1', actor: ACTOR }, input(`config ${index}`))
    ids.push(object.id)
  }
  const deployed = storeWith(NEW, OLD)
  const latest = new Map<string, string>()
  let rotating = true
  const traffic = (async () => {
    for (let count = 0; rotating; count++) {
      const id = ids[(count * 7) % ids.length] ?? ''
      const name = `changed ${count}`
      await deployed.replace({ tenantId: '1', actor: ACTOR }, id, input(name))
      latest.set(id, name)
    }
  })()
  const cipher = createCipher([NEW, OLD])
  const rotation = await rotateKeys(database.pool, cipher, NEW.kid)
  rotating = false
  await traffic

  expect(rotation.failures).toEqual([])
  expect(rotation.rotated + rotation.current).toBe(ids.length)
  expect(rotation.rotated).toBeGreaterThan(0)
  expect(await keyIds()).toEqual(new Set([NEW.kid]))
  const afterwards = storeWith(NEW)
  for (const [index, id] of ids.entries()) {
    const { object } = await afterwards.get('1', id)
    expect(object.configJson).toEqual({ recipients: [latest.get(id) ?? `config ${index}`] })
  }
  expect(await rotateKeys(database.pool, cipher, NEW.kid)).toEqual({ rotated: 0, current: ids.length, failures: [] })
})

test('what a rotation does not change: the version, the ETag and the time of the last change', async () => {
  const { object, etag } = await storeWith(OLD).create({ tenantId: '2', actor: ACTOR }, input('plain'))
  await database.pool.query("UPDATE msg_channel_config SET update_time = '2020-01-01 00:00:00' WHERE id = ?", [
    object.id,
  ])
  await rotateKeys(database.pool, createCipher([NEW, OLD]), NEW.kid)
  const rotated = await storeWith(NEW).get('2', object.id)
  expect(rotated).toEqual({ etag, object: { ...object, updateTime: '2020-01-01T00:00:00.000Z' } })
})

test('the command prints what it did, and fails where something failed', async () => {
  const cli = fileURLToPath(new URL('../cli/rotate-keys.ts', import.meta.url))
  const run = (...keys: (typeof OLD)[]) => {
    const CONFIG_ENCRYPTION_KEYS = keys.map(({ kid, key }) => `${kid}:${key.toString('base64')}`).join()
    const env = { ...process.env, ...database.variables, CONFIG_ENCRYPTION_KEYS }
    return spawnSync(process.execPath, [cli], { env, encoding: 'utf8' })
  }
  await storeWith(OLD).create({ tenantId: '4', actor: ACTOR }, input('cli'))
  const done = run(NEW, OLD)
  expect(done.stdout).toMatch(/^key new: 1 values encrypted anew, \d+ were so already, 0 failed\n$/)
  expect([done.status, done.stderr]).toEqual([0, ''])
  const withoutOld = run({ kid: 'newer', key: randomBytes(32) })
  expect([withoutOld.status, withoutOld.stderr.includes("holds no key 'new'")]).toEqual([1, true])
  expect(run().stderr).toBe('rotate-keys: CONFIG_ENCRYPTION_KEYS is missing\n')
})

test('a value whose key is unknown is left as it is and told; the others are rotated', async () => {
  const lost = await storeWith({ kid: 'lost', key: randomBytes(32) }).create(
    { tenantId: '3', actor: ACTOR },
    input('a'),
  )
  const kept = await storeWith(OLD).create({ tenantId: '3', actor: ACTOR }, input('b'))
  const { rotated, failures } = await rotateKeys(database.pool, createCipher([NEW, OLD]), NEW.kid)
  expect({ rotated, failures }).toEqual({
    rotated: 1,
    failures: [
      { table: 'msg_channel_config', id: lost.object.id, reason: "CONFIG_ENCRYPTION_KEYS holds no key 'lost'" },
    ],
  })
  expect((await storeWith(NEW).get('3', kept.object.id)).object.channelName).toBe('b')
})

test('the signing secrets of callbacks are rotated as well, those that were replaced among them', async () => {
  const store = createCallbackSecretStore({ pool: database.pool, cipher: createCipher([OLD]) })
  const call = { tenantId: '6', actor: ACTOR }
  const made = [await store.create(call), await store.create(call)].map(({ secret }) => secret)
  await rotateKeys(database.pool, createCipher([NEW, OLD]), NEW.kid)
  const uncached = { subscribe: () => undefined, caughtUp: () => undefined }
  const stored = await createSigningSecrets(database.pool, uncached)('6')
  expect(stored.map((row) => openSecret(createCipher([NEW]), row))).toEqual(made.toReversed())
  const [swapped] = stored
  if (!swapped) throw new Error('nothing stored')
  expect(() => openSecret(createCipher([NEW]), { ...swapped, tenantId: '7' })).toThrow('belongs elsewhere')
})
