import type { ErrorCode } from '@message-center/core/contracts/errors.ts'
import type { ApiAnswer, ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
let call: ApiCaller

beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  call = api.caller()
})
afterAll(() => api.stop())

interface Answer {
  id?: string
  errorCode?: ErrorCode
}

const CONFIG = { channelType: 'LOCAL', channelName: 'a', configJson: {} }
const TEMPLATE = { channelType: 'LOCAL', messageType: 'TEXT', templateName: 'a', templateContent: 'a' }
let templates = 0

/** Of each kind: makes an object and gives its path and the body of a PUT that says `text`. */
const KINDS: [
  kind: string,
  make: () => Promise<{ path: string; first: ApiAnswer<unknown>; put(text: string): object }>,
][] = [
  [
    'channel config',
    async () => {
      const first = await call<Answer>('POST', '/api/channel-configs', CONFIG)
      return { path: `/api/channel-configs/${first.body.id}`, first, put: (text) => ({ ...CONFIG, channelName: text }) }
    },
  ],
  [
    'template',
    async () => {
      const body = { ...TEMPLATE, businessType: `TYPE_${++templates}` }
      const first = await call<Answer>('POST', '/api/templates', body)
      return { path: `/api/templates/${first.body.id}`, first, put: (text) => ({ ...body, templateContent: text }) }
    },
  ],
  [
    'client',
    async () => {
      const first = await call<Answer>('POST', '/api/clients', { name: 'a', roles: ['sender'] })
      return { path: `/api/clients/${first.body.id}`, first, put: (text) => ({ name: text, roles: ['sender'] }) }
    },
  ],
  [
    'system config',
    async () => {
      const first = await call('PUT', '/api/system-configs/retryMax', { value: 1 })
      return { path: '/api/system-configs/retryMax', first, put: (text) => ({ value: text.length }) }
    },
  ],
]

const etagOf = ({ headers }: ApiAnswer<unknown>) => headers.get('etag') ?? ''
const ifMatch = (etag: string) => ({ 'if-match': etag })

describe.for(KINDS)('%s', ([, make]) => {
  test('every answer that shows the object carries the ETag of that state', async () => {
    const { path, first, put } = await make()
    expect(etagOf(first)).toMatch(/^"[\w-]+"$/)
    expect(etagOf(await call('GET', path))).toBe(etagOf(first))
    const changed = await call('PUT', path, put('new'))
    expect(etagOf(changed)).not.toBe(etagOf(first))
    expect(etagOf(await call('GET', path))).toBe(etagOf(changed))
  })

  test('what POST and GET answer may be sent back, changed; under another name it is refused', async () => {
    const { path, first, put } = await make()
    expect((await call('PUT', path, { ...Object(first.body), ...put('at once') })).status).toBe(200)
    const { body } = await call<object>('GET', path)
    const changed = await call('PUT', path, { ...body, ...put('changed') })
    expect([changed.status, changed.body]).toMatchObject([200, put('changed')])
    const elsewhere = await call('PUT', path, { ...body, ...('key' in body ? { key: 'retry' } : { id: '0' }) })
    expect([elsewhere.status, elsewhere.body]).toMatchObject([400, { errorCode: 'VALIDATION_FAILED' }])
    expect((await call('PUT', path, { ...body, unheardOf: 1 })).status).toBe(400)
  })

  test('who was overtaken is told so, and nothing changes', async () => {
    const { path, first, put } = await make()
    const other = await call('PUT', path, put('other'), ifMatch(etagOf(first)))
    expect(other.status).toBe(200)
    const mine = await call<Answer>('PUT', path, put('mine, too late'), ifMatch(etagOf(first)))
    expect([mine.status, mine.body.errorCode]).toEqual([412, 'PRECONDITION_FAILED'])
    const deletion = await call('DELETE', path, undefined, ifMatch(etagOf(first)))
    expect(deletion.status).toBe(412)
    expect(await call('GET', path)).toMatchObject({ status: 200, body: other.body })
    const again = await call('PUT', path, put('mine, later'), ifMatch(etagOf(other)))
    expect(again.status).toBe(200)
    expect((await call('DELETE', path, undefined, ifMatch(etagOf(again)))).status).toBe(200)
  })

  test('of many at the same time with the same ETag exactly one wins', async () => {
    const { path, first, put } = await make()
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => call('PUT', path, put('x'.repeat(index + 2)), ifMatch(etagOf(first)))),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(11).fill(412)])
    const winner = answers.find(({ status }) => status === 200)
    expect((await call('GET', path)).body).toEqual(winner?.body)
  })

  test('without If-Match, and with *, the last one wins', async () => {
    const { path, put } = await make()
    expect((await call('PUT', path, put('one'))).status).toBe(200)
    expect((await call('PUT', path, put('two!'), ifMatch('*'))).status).toBe(200)
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => call('PUT', path, put('y'.repeat(index + 1)))),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
  })

  test('If-Match takes a list; a weak tag matches nothing; what is no tag is a 400', async () => {
    const { path, first, put } = await make()
    const etag = etagOf(first)
    expect((await call('PUT', path, put('weak'), ifMatch(`W/${etag}`))).status).toBe(412)
    for (const broken of [etag.replaceAll('"', ''), '"open', 'a b'])
      expect((await call('PUT', path, put('broken'), ifMatch(broken))).status).toBe(400)
    expect((await call('PUT', path, put('list'), ifMatch(`"another", ${etag}`))).status).toBe(200)
  })
})

test("a tenant's ETag of a setting changes with the platform's default that it shows", async () => {
  const path = '/api/system-configs/retryInitialDelayMs'
  const tenant = api.caller({ tenantId: '77' })
  const before = await tenant('GET', path)
  const platform = api.caller({ tenantId: '1', roles: ['platform'] })
  expect((await platform('PUT', `${path}?tenantId=0`, { value: 1234 })).status).toBe(200)
  const after = await tenant('GET', path)
  expect(after.body).toMatchObject({ value: 1234, source: 'platform' })
  expect((await tenant('PUT', path, { value: 5 }, ifMatch(etagOf(before)))).status).toBe(412)
  expect((await tenant('PUT', path, { value: 5 }, ifMatch(etagOf(after)))).status).toBe(200)
})
