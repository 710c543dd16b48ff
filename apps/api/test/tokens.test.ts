import { createHmac, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
const SECRET = 'a secret of at least thirty-two bytes'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (key: KeyObject) => String(key.export({ type: 'spki', format: 'pem' }))

const apis: RunningApi[] = []
let hs256: RunningApi
let rs256: RunningApi
let es256: RunningApi
beforeAll(async () => {
  hs256 = await startApiHere(urls, { JWT_SECRET: SECRET, JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'message-center' })
  apis.push(hs256)
  rs256 = await startApiHere(urls, { JWT_SECRET: '', JWT_PUBLIC_KEY: pem(rsa.publicKey) })
  apis.push(rs256)
  // As a line of an .env file has it.
  es256 = await startApiHere(urls, { JWT_SECRET: '', JWT_PUBLIC_KEY: pem(ec.publicKey).replaceAll('\n', '\\n') })
  apis.push(es256)
})
afterAll(() => Promise.all(apis.map((api) => api.stop())))

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds
const CLAIMS = () => ({
  sub: 's',
  tenantId: '1',
  roles: ['viewer'],
  exp: inSeconds(60),
  iss: 'issuer',
  aud: 'message-center',
})
const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')

type Sign = (content: string) => string
const withSecret =
  (secret: string): Sign =>
  (content) =>
    createHmac('sha256', secret).update(content).digest('base64url')
const withRsa: Sign = (content) => createSign('RSA-SHA256').update(content).sign(rsa.privateKey, 'base64url')
const withEc: Sign = (content) =>
  createSign('SHA256').update(content).sign({ key: ec.privateKey, dsaEncoding: 'ieee-p1363' }, 'base64url')

function tokenOf(
  claims: unknown,
  { alg = 'HS256', sign = withSecret(SECRET) }: { alg?: string; sign?: Sign } = {},
): string {
  const content = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`
  return `${content}.${sign(content)}`
}

async function statusOf(api: RunningApi, token: string): Promise<number> {
  return (await createApiCaller(api.url, token)('GET', '/api/messages')).status
}

test('a good token passes, with each kind of key', async () => {
  expect(await statusOf(hs256, tokenOf(CLAIMS()))).toBe(200)
  expect(await statusOf(rs256, tokenOf(CLAIMS(), { alg: 'RS256', sign: withRsa }))).toBe(200)
  expect(await statusOf(es256, tokenOf(CLAIMS(), { alg: 'ES256', sign: withEc }))).toBe(200)
})

test.each<[string, () => string]>([
  ['nothing', () => ''],
  ['no JWT', () => 'abc'],
  ['alg none', () => tokenOf(CLAIMS(), { alg: 'none', sign: () => '' })],
  ['alg None with a signature', () => tokenOf(CLAIMS(), { alg: 'None' })],
  ['a wrong secret', () => tokenOf(CLAIMS(), { sign: withSecret('another secret of thirty-two bytes!') })],
  ['no signature', () => tokenOf(CLAIMS(), { sign: () => '' })],
  [
    'a signature of other claims',
    () => `${encode({ alg: 'HS256' })}.${encode({ ...CLAIMS(), tenantId: '2' })}.${tokenOf(CLAIMS()).split('.')[2]}`,
  ],
  [
    'HS512',
    () =>
      tokenOf(CLAIMS(), {
        alg: 'HS512',
        sign: (content) => createHmac('sha512', SECRET).update(content).digest('base64url'),
      }),
  ],
  ['RS256', () => tokenOf(CLAIMS(), { alg: 'RS256', sign: withRsa })],
  ['no exp', () => tokenOf({ ...CLAIMS(), exp: undefined })],
  ['exp as text', () => tokenOf({ ...CLAIMS(), exp: String(inSeconds(60)) })],
  ['exp a second ago', () => tokenOf({ ...CLAIMS(), exp: inSeconds(-1) })],
  ['exp long ago', () => tokenOf({ ...CLAIMS(), exp: inSeconds(-86_400) })],
  ['nbf in an hour', () => tokenOf({ ...CLAIMS(), nbf: inSeconds(3600) })],
  ['no tenantId', () => tokenOf({ ...CLAIMS(), tenantId: undefined })],
  ['tenantId as a number', () => tokenOf({ ...CLAIMS(), tenantId: 1 })],
  ['tenantId as a list', () => tokenOf({ ...CLAIMS(), tenantId: ['1'] })],
  ['a tenantId with a blank', () => tokenOf({ ...CLAIMS(), tenantId: '1 ' })],
  ['a tenantId in other digits', () => tokenOf({ ...CLAIMS(), tenantId: '１' })],
  ['a negative tenantId', () => tokenOf({ ...CLAIMS(), tenantId: '-1' })],
  ['an empty tenantId', () => tokenOf({ ...CLAIMS(), tenantId: '' })],
  ['a tenantId that is no number', () => tokenOf({ ...CLAIMS(), tenantId: 'acme' })],
  ['a tenantId beyond 64 bits', () => tokenOf({ ...CLAIMS(), tenantId: '9223372036854775808' })],
  ['another issuer', () => tokenOf({ ...CLAIMS(), iss: 'somebody' })],
  ['no issuer', () => tokenOf({ ...CLAIMS(), iss: undefined })],
  ['no audience', () => tokenOf({ ...CLAIMS(), aud: undefined })],
  ['another audience', () => tokenOf({ ...CLAIMS(), aud: 'something' })],
  ['claims that are no object', () => tokenOf('claims')],
])('a token with %s is refused: 401', async (_, token) => {
  const { status, body, headers } = await createApiCaller(hs256.url, token())('GET', '/api/messages')
  expect([status, body]).toMatchObject([401, { success: false, errorCode: 'UNAUTHORIZED', details: [] }])
  expect(headers.get('www-authenticate')).toBe('Bearer')
})

test('a public key is no HS256 secret, whatever its form', async () => {
  const text = pem(rsa.publicKey)
  const der = rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('latin1')
  for (const secret of [text, text.trim(), text.replaceAll('\n', '\\n'), der]) {
    expect(await statusOf(rs256, tokenOf(CLAIMS(), { sign: withSecret(secret) }))).toBe(401)
  }
  expect(await statusOf(rs256, tokenOf(CLAIMS(), { alg: 'RS256', sign: withSecret(text) }))).toBe(401)
  expect(await statusOf(rs256, tokenOf(CLAIMS(), { alg: 'none', sign: () => '' }))).toBe(401)
  expect(await statusOf(es256, tokenOf(CLAIMS(), { sign: withSecret(pem(ec.publicKey)) }))).toBe(401)
  expect(await statusOf(es256, tokenOf(CLAIMS(), { alg: 'RS256', sign: withRsa }))).toBe(401)
})

test('the token is taken from the Authorization header alone, as a bearer', async () => {
  const token = tokenOf(CLAIMS())
  const get = async (path: string, headers: Record<string, string>) =>
    (await fetch(`${hs256.url}${path}`, { headers })).status
  expect(await get('/api/messages', { authorization: `bearer ${token}` })).toBe(200)
  expect(await get('/api/messages', {})).toBe(401)
  expect(await get('/api/messages', { authorization: token })).toBe(401)
  expect(await get('/api/messages', { authorization: `Basic ${token}` })).toBe(401)
  expect(await get('/api/messages', { authorization: `Digest ${token}` })).toBe(401)
  expect(await get('/api/messages', { cookie: `token=${token}` })).toBe(401)
  expect(await get(`/api/messages?token=${token}`, {})).toBe(401)
})
