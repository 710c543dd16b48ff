import type { Client, NewClient } from '@message-center/core/contracts/clients.ts'
import type { ErrorBody } from '@message-center/core/contracts/errors.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import type { Static } from 'typebox'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
let api: RunningApi
let other: RunningApi
beforeAll(async () => {
  api = await startApiHere(urls, { JWT_ISSUER: 'message-center', JWT_AUDIENCE: 'message-center' })
  // Another process of the same system.
  other = await startApiHere(urls, { ...api.environment.variables })
})
afterAll(async () => {
  await other.stop()
  await api.stop()
})

type Failure = Static<typeof ErrorBody>
const issued = { iss: 'message-center', aud: 'message-center' }
const admin = (tenantId = '1') => api.caller({ ...issued, tenantId, roles: ['admin'] })
const anonymous = () => createApiCaller(api.url, '')

async function newClient(roles = ['sender'], call: ApiCaller = admin()): Promise<NewClient> {
  const { status, body } = await call<NewClient>('POST', '/api/clients', { name: 'order-service', roles })
  expect(status).toBe(201)
  return body
}
const logIn = ({ clientId, clientSecret }: { clientId: string; clientSecret: string }, call = anonymous()) =>
  call<{ token: string; expiresIn: number } & Failure>('POST', '/api/auth/token', { clientId, clientSecret })
const tokenOf = async (client: NewClient) => (await logIn(client)).body.token
const messagesBy = async (token: string, url = api.url) =>
  (await createApiCaller(url, token)('GET', '/api/messages')).status
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

test('a client gets a token for its secret; the token does what its roles may, in its tenant', async () => {
  const client = await newClient(['sender'])
  const { status, body, headers } = await logIn(client)
  expect([status, body]).toEqual([200, { token: expect.any(String), expiresIn: 3600 }])
  expect(headers.get('cache-control')).toBe('no-store')
  const claims = claimsOf(body.token)
  expect(claims).toMatchObject({ sub: client.clientId, tenantId: '1', roles: ['sender'], ...issued })
  expect(claims.exp - claims.iat).toBe(3600)
  const call = createApiCaller(api.url, body.token)
  expect((await call('POST', '/api/messages', { businessType: 'ORDER', businessData: {} })).status).toBe(202)
  expect((await call('GET', '/api/clients')).status).toBe(403)
  const used = await admin()<Client>('GET', `/api/clients/${client.id}`)
  expect(Date.parse(used.body.lastUsedTime ?? '')).toBeGreaterThan(Date.now() - 60_000)
})

test('the secret is shown once and stored as a hash', async () => {
  const { clientSecret, rpcToken, ...client } = await newClient()
  expect(rpcToken).toBe(`${client.clientId}.${clientSecret}`)
  expect(clientSecret).toMatch(/^mcs_[A-Za-z0-9_-]{43}$/)
  expect((await admin()('GET', `/api/clients/${client.id}`)).body).toEqual(client)
  const [tables] = await api.pool.query<RowDataPacket[]>('SHOW TABLES')
  for (const table of tables.map((row) => Object.values(row)[0])) {
    const [rows] = await api.pool.query('SELECT * FROM ??', [table])
    expect(JSON.stringify(rows)).not.toContain(clientSecret)
  }
})

test('CRUD: stable pages, PUT replaces, If-Match guards, DELETE answers true and then 404', async () => {
  const call = admin('7')
  const made = [
    await newClient(['viewer'], call),
    await newClient(['sender', 'viewer'], call),
    await newClient(['admin'], call),
  ]
  const page = await call<Page<Client>>('GET', '/api/clients?page=1&pageSize=2')
  expect(page.body).toMatchObject({ total: 3, page: 1, pageSize: 2, items: made.slice(0, 2).map(({ id }) => ({ id })) })
  const path = `/api/clients/${made[1]?.id}`
  const etag = (await call('GET', path)).headers.get('etag') ?? ''
  const replaced = await call<Client>(
    'PUT',
    path,
    { name: 'renamed', roles: ['viewer'], enabled: 0 },
    { 'if-match': etag },
  )
  expect([replaced.status, replaced.body]).toMatchObject([
    200,
    { name: 'renamed', roles: ['viewer'], enabled: false, clientId: made[1]?.clientId },
  ])
  expect((await call('PUT', path, { name: 'x', roles: ['viewer'] }, { 'if-match': etag })).status).toBe(412)
  expect((await call<Page<Client>>('GET', '/api/clients?enabled=false')).body.items.map(({ id }) => id)).toEqual([
    made[1]?.id,
  ])
  expect(await call('DELETE', path)).toMatchObject({ status: 200, body: true })
  expect((await call('GET', path)).status).toBe(404)
  expect((await call('DELETE', path)).status).toBe(404)
})

test('nobody gives roles that he does not have, neither on creation nor later', async () => {
  for (const roles of [['platform'], ['sender', 'platform'], ['inbox']]) {
    expect(await admin()('POST', '/api/clients', { name: 'x', roles })).toMatchObject({
      status: 403,
      body: { errorCode: 'FORBIDDEN' },
    })
  }
  const { id } = await newClient()
  expect((await admin()('PUT', `/api/clients/${id}`, { name: 'x', roles: ['platform'] })).status).toBe(403)
  const platform = api.caller({ ...issued, roles: ['platform'] })
  expect((await newClient(['platform'], platform)).roles).toEqual(['platform'])
})

test('what is wrong with a body is said', async () => {
  for (const fields of [
    { roles: [] },
    { roles: ['root'] },
    { roles: ['sender', 'sender'] },
    { name: '' },
    { clientSecret: 'mine' },
    { roles: 'sender' },
  ]) {
    const { status, body } = await admin()<Failure>('POST', '/api/clients', { name: 'x', roles: ['sender'], ...fields })
    expect([status, body.errorCode]).toEqual([400, 'VALIDATION_FAILED'])
    expect(body.details[0]?.path).toMatch(new RegExp(`^${Object.keys(fields)[0]}`))
  }
})

test('tenants do not see each other’s clients', async () => {
  const { id, clientId } = await newClient()
  const stranger = admin('2')
  expect((await stranger('GET', `/api/clients/${id}`)).status).toBe(404)
  expect((await stranger('PUT', `/api/clients/${id}`, { name: 'x', roles: ['sender'] })).status).toBe(404)
  expect((await stranger('DELETE', `/api/clients/${id}`)).status).toBe(404)
  expect((await stranger<Page<Client>>('GET', '/api/clients')).body.items).toEqual([])
  expect((await admin()<Client>('GET', `/api/clients/${id}`)).body.clientId).toBe(clientId)
})

test('a client that is deleted or disabled, or loses a role: its tokens follow on every process', async () => {
  const [deleted, disabled, demoted] = [
    await newClient(['viewer']),
    await newClient(['viewer']),
    await newClient(['viewer', 'sender']),
  ]
  const tokens = await Promise.all([deleted, disabled, demoted].map(tokenOf))
  const [ofDeleted = '', ofDisabled = '', ofDemoted = ''] = tokens
  for (const token of tokens) for (const { url } of [api, other]) expect(await messagesBy(token, url)).toBe(200)
  await admin()('DELETE', `/api/clients/${deleted.id}`)
  await admin()('PUT', `/api/clients/${disabled.id}`, { name: 'x', roles: ['viewer'], enabled: false })
  await admin()('PUT', `/api/clients/${demoted.id}`, { name: 'x', roles: ['sender'] })
  for (const { url } of [api, other]) {
    await until('the deleted client’s token to be refused', async () => (await messagesBy(ofDeleted, url)) === 401)
    await until('the disabled client’s token to be refused', async () => (await messagesBy(ofDisabled, url)) === 401)
    const trace = async () => (await createApiCaller(url, ofDemoted)('GET', '/api/messages/none/trace')).status
    await until('the lost role to be gone', async () => (await trace()) === 403)
    expect(await messagesBy(ofDemoted, url)).toBe(200)
  }
  expect([(await logIn(deleted)).status, (await logIn(disabled)).status]).toEqual([401, 401])
  await admin()('PUT', `/api/clients/${disabled.id}`, { name: 'x', roles: ['viewer'], enabled: true })
  await until('the client to be let in again', async () => (await messagesBy(ofDisabled)) === 200)
})

test('an unknown id, a wrong secret and a disabled client get the same answer', async () => {
  const [known, disabled] = [await newClient(), await newClient()]
  await admin()('PUT', `/api/clients/${disabled.id}`, { name: 'x', roles: ['sender'], enabled: false })
  const attempts = [
    { ...known, clientSecret: disabled.clientSecret },
    { ...known, clientId: 'mc_000000000000000000000000' },
    { ...known, clientId: '客户' },
    { ...known, clientId: `${known.clientId} ` },
    { ...known, clientId: known.clientId.toUpperCase() },
    disabled,
  ]
  const answers = await Promise.all(attempts.map((attempt) => logIn(attempt)))
  const told = answers.map(({ status, body: { requestId: _, ...body } }) => ({ status, body }))
  expect(told[0]).toMatchObject({ status: 401, body: { errorCode: 'UNAUTHORIZED' } })
  for (const answer of told) expect(answer).toEqual(told[0])
})

test('guessing is stopped after a while, for that client from that address; others still log in', async () => {
  const [attacked, innocent] = [await newClient(), await newClient()]
  const guess = () => logIn({ ...attacked, clientSecret: 'guess' })
  const guesses = [...(await Promise.all(Array.from({ length: 30 }, guess))), await guess()]
  expect(guesses.slice(0, 30).map(({ status }) => status)).toEqual(Array.from({ length: 30 }, () => 401))
  expect(guesses[30]).toMatchObject({ status: 429, body: { success: false, errorCode: 'TOO_MANY_REQUESTS' } })
  const retryAfter = Number(guesses[30]?.headers.get('retry-after'))
  expect(retryAfter).toBeGreaterThan(0)
  expect(retryAfter).toBeLessThanOrEqual(60)
  expect((await logIn(attacked)).status).toBe(429)
  expect((await logIn(innocent)).status).toBe(200)
})

test('who has logged in before is let in whatever others try in his name; once he is deleted he counts as they do', async () => {
  const client = await newClient()
  expect((await logIn(client)).status).toBe(200)
  const guess = () => logIn({ ...client, clientSecret: 'guess' })
  for (let attempt = 0; attempt < 30; attempt++) expect((await guess()).status).toBe(401)
  expect((await guess()).status).toBe(429)
  expect((await logIn(client)).status).toBe(200)
  expect((await admin()('DELETE', `/api/clients/${client.id}`)).status).toBe(200)
  expect([(await logIn(client)).status, (await logIn(client)).status]).toEqual([401, 429])
})

test('without JWT_SECRET nothing is signed, and the answer says why', async () => {
  const verifying = await startApiHere(urls, {
    ...api.environment.variables,
    JWT_SECRET: '',
    JWT_JWKS_URL: 'http://127.0.0.1:1/',
  })
  try {
    const { status, body } = await logIn(await newClient(), createApiCaller(verifying.url, ''))
    expect([status, body]).toMatchObject([
      404,
      { success: false, errorCode: 'NOT_FOUND', errorMessage: expect.stringContaining('JWT_SECRET') },
    ])
  } finally {
    await verifying.stop()
  }
})
