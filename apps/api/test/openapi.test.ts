import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

interface Schema {
  $ref?: string
  title?: string
  oneOf?: Schema[]
  discriminator?: { propertyName: string; mapping: Record<string, string> }
  properties?: Record<string, Schema & { const?: unknown }>
}
interface Media {
  schema: Schema
}
interface Operation {
  summary?: string
  description?: string
  tags?: string[]
  parameters?: { name: string; in: string }[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, { description?: string; content?: Record<string, Media> }>
}
interface Document {
  tags: { name: string; description?: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const ADAPTER = `export default {
  type: 'PIGEON', displayName: 'Pigeon', secretFields: ['token'], messageTypes: ['TEXT'],
  configSchema: { anyOf: [
    { type: 'object', required: ['mode', 'token'], properties: { mode: { const: 'robot' }, token: { type: 'string' } } },
    { type: 'object', required: ['mode', 'appId'], properties: { mode: { const: 'app' }, appId: { type: 'string' } } },
  ] },
  rateLimit: { count: 100, window: 1, unit: 'MINUTE' },
  async send() { return { response: 'ok' } },
}`

let folder: string
let api: RunningApi
let document: Document
let operations: { name: string; method: string; path: string; operation: Operation }[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'openapi-'))
  writeFileSync(join(folder, 'pigeon.mjs'), ADAPTER)
  api = await startApiHere(
    { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') },
    { CHANNEL_ADAPTERS: join(folder, 'pigeon.mjs') },
  )
  document = (await api.caller()<Document>('GET', '/docs/json')).body
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const name = `${method.toUpperCase()} ${path}`
      return { name, method: method.toUpperCase(), path, operation }
    }),
  )
})
afterAll(async () => {
  await api.stop()
  rmSync(folder, { recursive: true })
})

describe('every operation', () => {
  test('has a summary, a description, a tag, and error answers with a description and a body', () => {
    const faults = operations.flatMap(({ name, operation: { summary, description, tags, responses } }) => {
      const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400)
      const bare = errors.filter(([, answer]) => !answer.description || !answer.content)
      return [
        summary && summary.length <= 80 ? [] : `${name}: a summary of at most 80 characters`,
        description ? [] : `${name}: a description`,
        tags?.length === 1 ? [] : `${name}: one tag`,
        errors.length > 0 ? [] : `${name}: error answers`,
        bare.map(([status]) => `${name}: description and body of ${status}`),
      ].flat()
    })
    expect(operations.length).toBeGreaterThan(20)
    expect(faults).toEqual([])
  })
})

test('a body of which nothing has to be there may be left out, and the document says so', async () => {
  const optional = operations.filter(({ operation }) => operation.requestBody?.required === false)
  expect(optional.map(({ name }) => name).toSorted()).toEqual([
    'POST /api/callback-secret',
    'POST /api/inbox/ticket',
    'POST /api/messages/retry',
    'POST /api/messages/{messageId}/retry',
  ])
  const statuses = optional.map(async ({ method, path }) => {
    const call = api.caller({ roles: [path === '/api/inbox/ticket' ? 'inbox' : 'admin'] })
    return (await call(method, path)).status
  })
  expect((await Promise.all(statuses)).toSorted()).toEqual([200, 201, 202, 404])
})

test('every tag is described, in the order in which a newcomer meets them', () => {
  const described = document.tags.map(({ name, description }) => description && name)
  expect(described.slice(0, 3)).toEqual(['messages', 'channel-configs', 'templates'])
  expect(described.at(-1)).toBe('operations')
  expect(described.toSorted()).toEqual([...new Set(operations.flatMap(({ operation }) => operation.tags))].toSorted())
})

describe('configJson of a channel config', () => {
  const resolve = ({ $ref = '' }: Schema): Schema => document.components.schemas[$ref.split('/').at(-1) ?? ''] ?? {}

  test('has one schema per channel type and mode, those of adapters from outside included', () => {
    const bodies = ['/api/channel-configs', '/api/channel-configs/{id}'].flatMap((path) =>
      Object.values(document.paths[path] ?? {}).flatMap(
        (operation) => operation.requestBody?.content['application/json'] ?? [],
      ),
    )
    expect(bodies.length).toBe(2)
    for (const { schema } of bodies) {
      const body = resolve(schema)
      expect(body.discriminator?.propertyName).toBe('channelType')
      const modes = (body.oneOf ?? []).map((reference) => {
        const { properties: { channelType, configJson = {} } = {} } = resolve(reference)
        const type = String(channelType?.const)
        expect(body.discriminator?.mapping[type]).toBe(reference.$ref)
        if (configJson.$ref) return [type, Object.keys(resolve(configJson).properties ?? {})]
        expect(configJson.discriminator?.propertyName).toBe('mode')
        return [type, (configJson.oneOf ?? []).map((mode) => resolve(mode).properties?.mode?.const)]
      })
      expect(Object.fromEntries(modes)).toEqual({
        DINGTALK: ['robot', 'app'],
        WECHAT_WORK: ['robot', 'app'],
        LOCAL: ['recipients'],
        PIGEON: ['robot', 'app'],
      })
    }
  })

  test('every reference of the document leads somewhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"(#\/components\/schemas\/[^"]+)"/g)]
    expect(references.length).toBeGreaterThan(10)
    for (const [, $ref] of references) expect(Object.keys(resolve({ $ref }))).not.toEqual([])
  })
})
