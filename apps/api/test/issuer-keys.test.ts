import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}
const newRsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
const newEc = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = newRsa()
const ec = newEc()
const stranger = newRsa()

/** A token issuer: its key set can be changed, and it can fail. */
const issuer = { keys: [] as object[], status: 200, asked: 0 }
let server: Server
let url: string
beforeAll(async () => {
  server = createServer((_request, response) => {
    issuer.asked++
    response.writeHead(issuer.status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: issuer.keys }))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
})
afterAll(() => void server.close())

/** An API that has asked nobody yet. */
let api: RunningApi
async function startApi(): Promise<void> {
  Object.assign(issuer, { keys: [jwk(rsa, 'r1'), jwk(ec, 'e1')], status: 200, asked: 0 })
  const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
  api = await startApiHere(urls, { JWT_SECRET: '', JWT_JWKS_URL: url })
}
afterEach(() => void vi.restoreAllMocks())

const jwk = ({ publicKey }: KeyPair, kid: string, more: object = {}) => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  use: 'sig',
  ...more,
})
const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

function tokenOf(
  header: { alg: string; [field: string]: unknown },
  { privateKey }: KeyPair,
  claims: object = {},
): string {
  const content = `${encode(header)}.${encode({ sub: 's', tenantId: '1', roles: ['viewer'], exp: inSeconds(60), ...claims })}`
  return `${content}.${createSign('SHA256').update(content).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }, 'base64url')}`
}
const rs256 = (kid: string | undefined, pair: KeyPair = rsa, more: object = {}) =>
  tokenOf({ alg: 'RS256', kid, ...more }, pair)

async function statusOf(token: string): Promise<number> {
  return (await createApiCaller(api.url, token)('GET', '/api/messages')).status
}

/** Lets the API believe that time has passed, for waits that are measured and not slept. */
function elapse(ms: number): void {
  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + ms)
  const wall = Date.now.bind(Date)
  vi.spyOn(Date, 'now').mockImplementation(() => wall() + ms)
}

describe('the keys of an issuer', () => {
  beforeAll(startApi)
  afterAll(() => api.stop())

  test('RS256 and ES256 keys are found by kid, and asked for once', async () => {
    expect(await statusOf(rs256('r1'))).toBe(200)
    expect(await statusOf(tokenOf({ alg: 'ES256', kid: 'e1' }, ec))).toBe(200)
    expect(await statusOf(rs256('r1', rsa, { typ: 'at+jwt' }))).toBe(200)
    expect(issuer.asked).toBe(1)
  })

  test.each<[string, () => string]>([
    ['another key under a known kid', () => rs256('r1', stranger)],
    ['an unknown kid', () => rs256('r9')],
    ['the kid of a key of the other kind', () => tokenOf({ alg: 'RS256', kid: 'e1' }, rsa)],
    ['ES256 over an RSA key', () => tokenOf({ alg: 'ES256', kid: 'r1' }, rsa)],
    ['an algorithm that is not taken', () => tokenOf({ alg: 'PS256', kid: 'r1' }, rsa)],
    ['HS256', () => tokenOf({ alg: 'HS256', kid: 'r1' }, rsa)],
    [
      'alg none',
      () => `${encode({ alg: 'none', kid: 'r1' })}.${encode({ tenantId: '1', roles: ['admin'], exp: inSeconds(60) })}.`,
    ],
    ['a key of its own (jwk)', () => rs256(undefined, stranger, { jwk: stranger.publicKey.export({ format: 'jwk' }) })],
    [
      'a key of its own under a known kid',
      () => rs256('r1', stranger, { jwk: stranger.publicKey.export({ format: 'jwk' }) }),
    ],
    ['a key set of its own (jku)', () => rs256('s1', stranger, { jku: url })],
    ['a certificate of its own (x5u, x5c)', () => rs256('s1', stranger, { x5u: url, x5c: ['MIIB'] })],
    ['a critical extension that nobody knows', () => rs256('r1', rsa, { crit: ['b64'], b64: false })],
    ['crit that names what is in every header', () => rs256('r1', rsa, { crit: ['alg'] })],
    ['a header that is no object', () => `${encode([])}.${encode({})}.AAAA`],
  ])('a token with %s is refused: 401', async (_, token) => {
    expect(await statusOf(token())).toBe(401)
  })

  test('jku, x5u and jwk of an otherwise good token make no difference', async () => {
    const foreign = {
      jku: 'http://127.0.0.1:1/',
      x5u: 'http://127.0.0.1:1/',
      jwk: stranger.publicKey.export({ format: 'jwk' }),
    }
    expect(await statusOf(rs256('r1', rsa, foreign))).toBe(200)
  })
})

describe('the keys of an issuer as time goes by', () => {
  beforeEach(startApi)
  afterEach(() => api.stop())

  test('a token without kid fits the only key of its algorithm, and none of several', async () => {
    expect(await statusOf(rs256(undefined))).toBe(200)
    issuer.keys.push(jwk(stranger, 'r2'))
    elapse(6_000)
    expect(await statusOf(rs256('r2', stranger))).toBe(200)
    expect(await statusOf(rs256(undefined, rsa, { typ: 'JWT' }))).toBe(401)
  })

  test('a key that its issuer does not use for signatures, or for another algorithm, verifies nothing', async () => {
    issuer.keys = [jwk(rsa, 'r1', { use: 'enc' }), jwk(stranger, 'r2', { alg: 'RS512' })]
    expect(await statusOf(rs256('r1'))).toBe(401)
    expect(await statusOf(rs256('r2', stranger))).toBe(401)
  })

  test('rotation: a new kid is fetched, though strangers who make kids up cannot make us ask for each', async () => {
    expect(await statusOf(rs256('r1'))).toBe(200)
    const next = newRsa()
    issuer.keys.push(jwk(next, 'r2'))
    elapse(6_000)
    expect(await statusOf(rs256('r2', next))).toBe(200)
    expect(issuer.asked).toBe(2)
    const made = await Promise.all(Array.from({ length: 50 }, (_, index) => statusOf(rs256(`made-up-${index}`))))
    expect(new Set(made)).toEqual(new Set([401]))
    expect(issuer.asked).toBe(2)
  })

  test('while the issuer is down known keys stay known; what cannot be decided is 503, and it is left alone for a while', async () => {
    expect(await statusOf(rs256('r1'))).toBe(200)
    issuer.status = 500
    elapse(3_600_000)
    expect(await statusOf(tokenOf({ alg: 'RS256', kid: 'r1' }, rsa, { exp: inSeconds(7200) }))).toBe(200)
    const { status, body, headers } = await createApiCaller(
      api.url,
      tokenOf({ alg: 'RS256', kid: 'r2' }, rsa, { exp: inSeconds(7200) }),
    )('GET', '/api/messages')
    expect([status, body]).toMatchObject([503, { success: false, errorCode: 'UNAVAILABLE' }])
    expect(headers.get('retry-after')).not.toBeNull()
    const more = Array.from({ length: 20 }, (_, index) => statusOf(rs256(`r${index + 10}`)))
    expect(new Set(await Promise.all(more))).toEqual(new Set([503]))
    expect(issuer.asked).toBe(2)
  })

  test('an issuer that was never reached: 503, and 200 once it answers', async () => {
    issuer.status = 500
    expect(await statusOf(rs256('r1'))).toBe(503)
    issuer.status = 200
    elapse(6_000)
    expect(await statusOf(rs256('r1'))).toBe(200)
  })

  test('a token that was verified a moment ago is refused as soon as it expires', async () => {
    const token = tokenOf({ alg: 'RS256', kid: 'r1' }, rsa, { exp: inSeconds(30) })
    expect(await statusOf(token)).toBe(200)
    elapse(31_000)
    expect(await statusOf(token)).toBe(401)
  })
})
