import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { startSandbox } from '../../../../devkit/src/sandbox/start.ts'
import type { ChannelAdapter } from '../adapter.ts'
import { createTestSender, createTestTokens, NOBODY } from '../adapter-test-kit.ts'
import { createDingtalkAdapter } from './index.ts'

let offset = 0
const sandbox = await startSandbox({ now: () => Date.now() + offset })
afterAll(() => sandbox.stop())

let adapter: ChannelAdapter
// New tokens for each test: the reset makes those of the last one invalid.
beforeEach(async () => {
  await sandbox.client.reset()
  const { tokens, connected, close } = createTestTokens(inject('redisUrl'))
  await connected()
  adapter = createDingtalkAdapter({
    baseUrl: `${sandbox.url}/dingtalk`,
    apiBaseUrl: `${sandbox.url}/dingtalk`,
    tokens,
  })
  return close
})

const config = { mode: 'app', appKey: 'key', appSecret: 'secret', agentId: '4711' }
const newSender = (fields: object = {}) => createTestSender(adapter, { ...config, ...fields })
const users = (count: number) => Array.from({ length: count }, (_, n) => `u${n}`)
const to = (userIds: string[], mobiles: string[] = []) => ({ recipients: { userIds, mobiles, all: false } })

async function delivered() {
  const messages = await sandbox.client.messages()
  return messages.filter((message) => message.delivered).map(({ recipients }) => recipients.userIds)
}

describe('send', () => {
  test('nobody: NO_RECIPIENT, and no call', async () => {
    await expect(newSender().send()).rejects.toMatchObject({ errorClass: 'PERMANENT', code: 'NO_RECIPIENT' })
    expect((await sandbox.client.counters()).calls).toEqual({})
  })

  test('everyone: no list, and no result to ask for', async () => {
    const outcome = await newSender().send({ recipients: { ...NOBODY, all: true } })
    expect(outcome).not.toHaveProperty('checkResultAfterMs')
    expect(outcome.providerMessageId).toMatch(/^\d+$/)
  })

  test('250 users go out in three calls of at most 100', async () => {
    const { send } = newSender()
    const { providerMessageId } = await send(to(users(250)))
    const messages = await sandbox.client.messages()
    const sent = messages.filter((message) => message.delivered)
    expect(sent.map(({ recipients }) => recipients.userIds.length)).toEqual([100, 100, 50])
    expect(sent.flatMap(({ recipients }) => recipients.userIds)).toEqual(users(250))
    expect(providerMessageId).toBe(sent.map(({ messageId }) => messageId).join(','))
  })

  test.each([
    ['a busy provider', { kind: 'errcode', errcode: -1 } as const, 'TRANSIENT'],
    ['a lost answer', { kind: 'drop' } as const, 'UNKNOWN'],
    ['throttling', { kind: 'errcode', errcode: 90018 } as const, 'RATE_LIMITED'],
  ])('%s at the second call of three: the next attempt sends the other two only', async (_, fault, errorClass) => {
    const { send } = newSender()
    await sandbox.client.addFault({ match: { contentIncludes: '"u100,' }, fault, times: 1 })
    await expect(send(to(users(250)))).rejects.toMatchObject({ errorClass })
    expect(await delivered()).toEqual([users(100)])
    await send(to(users(250)))
    expect((await delivered()).flat()).toEqual(users(250))
  })

  test('mobiles are looked up once; unknown ones are told and fail nobody', async () => {
    await sandbox.client.declareApp('dingtalk', 'key', '4711', {
      secret: 'secret',
      users: [{ userId: 'u1', mobile: '13800000001' }, { userId: 'u2' }],
    })
    const { send } = newSender()
    const outcome = await send(to(['u2'], ['13800000001', '13800000009']))
    expect(outcome.detail).toBe('not reached: 13800000009 (no user has this mobile)')
    expect(await delivered()).toEqual([['u2', 'u1']])
    await send({ ...to([], ['13800000001', '13800000009']), content: 'another' })
    const { calls } = await sandbox.client.counters()
    expect(calls['/topapi/v2/user/getbymobile']).toBe(2)
  })

  test('a user id that would break the list is not sent', async () => {
    const outcome = await newSender().send(to(['u1', 'u2,u3']))
    expect(outcome.detail).toBe('not reached: u2,u3 (not a user id)')
    expect(await delivered()).toEqual([['u1']])
  })

  test('users who are all unknown: PERMANENT with DingTalk’s code', async () => {
    await sandbox.client.declareApp('dingtalk', 'key', '4711', { secret: 'secret', users: [{ userId: 'u1' }] })
    await expect(newSender().send(to(['x', 'y']))).rejects.toMatchObject({ errorClass: 'PERMANENT', code: '33012' })
  })

  test('neither token nor secret shows in an error', async () => {
    await sandbox.client.addFault({
      match: { path: 'asyncsend_v2' },
      fault: { kind: 'errcode', errcode: 40035, errmsg: 'bad call ?access_token=abc by secret' },
    })
    await expect(newSender({ appSecret: 'secret' }).send(to(['u1']))).rejects.toMatchObject({
      code: '40035',
      message: 'bad call ?access_token=****** by ******',
    })
  })
})

describe('the access token', () => {
  test('wrong credentials: PERMANENT', async () => {
    await sandbox.client.declareApp('dingtalk', 'other', '4711', { secret: 'right' })
    await expect(newSender({ appKey: 'other', appSecret: 'wrong' }).send(to(['u1']))).rejects.toMatchObject({
      errorClass: 'PERMANENT',
      code: 'invalidClientIdOrSecret',
    })
  })

  const answer = (status: number, code: string) => ({
    kind: 'http' as const,
    status,
    body: JSON.stringify({ code, message: 'why' }),
    headers: { 'content-type': 'application/json' },
  })
  test.each([
    [answer(400, 'invalidClientIdOrSecret'), 'PERMANENT', undefined],
    [answer(400, 'invalid.client'), 'PERMANENT', undefined],
    [answer(401, 'unauthorized.client'), 'PERMANENT', undefined],
    [answer(500, 'server.error'), 'TRANSIENT', undefined],
    [answer(403, 'Forbidden.AccessDenied.QpsLimitForApi'), 'RATE_LIMITED', 1_000],
    [answer(403, 'Forbidden.AccessDenied.QpsLimitForAppkeyAndApi'), 'RATE_LIMITED', 1_000],
    [answer(403, 'Forbidden.AccessDenied.QpmLimitForApi'), 'RATE_LIMITED', 60_000],
    [answer(403, 'Forbidden.AccessDenied.ApiCountLimitForOrg'), 'PERMANENT', undefined],
    [answer(403, 'Forbidden.AccessDenied.AccessTokenPermissionDenied'), 'PERMANENT', undefined],
    [answer(503, ''), 'TRANSIENT', undefined],
    [answer(200, ''), 'TRANSIENT', undefined],
    [{ kind: 'garbage', form: 'ban-page' } as const, 'RATE_LIMITED', 300_000],
    [{ kind: 'garbage', form: 'ban-json' } as const, 'RATE_LIMITED', 300_000],
    [{ kind: 'drop' } as const, 'TRANSIENT', undefined],
  ])('%j is %s', async (fault, errorClass, retryAfterMs) => {
    await sandbox.client.addFault({ match: { path: 'accessToken' }, fault })
    const { send } = newSender({ appSecret: crypto.randomUUID() })
    const error = await send(to(['u1'])).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ errorClass, retryAfterMs })
    expect((await sandbox.client.counters()).received).toBe(0)
  })
})

describe('the result', () => {
  test('is asked for some seconds later, unless the config says not to', async () => {
    const outcome = await newSender().send(to(['u1']))
    expect(outcome.checkResultAfterMs).toBeGreaterThan(0)
    const silent = await newSender({ queryResult: false }).send({ ...to(['u1']), content: 'another' })
    expect(silent).not.toHaveProperty('checkResultAfterMs')
  })

  test('tells who was not reached and why, over all parts', async () => {
    await sandbox.client.declareApp('dingtalk', 'key', '4711', {
      secret: 'secret',
      users: users(120).map((userId) => ({ userId })),
    })
    const first = newSender()
    await first.send(to(['u7']))
    const { send, checkResult } = newSender()
    const { providerMessageId } = await send(to([...users(120), 'x']))
    expect(await checkResult(providerMessageId ?? '')).toEqual({
      detail: 'not reached: u7 (has had the same content today, 143106); x (unknown user id)',
    })
  })

  test('has nothing to tell where all were reached', async () => {
    const { send, checkResult } = newSender()
    const { providerMessageId } = await send(to(['u1']))
    expect(await checkResult(providerMessageId ?? '')).toEqual({})
  })

  test('is not known while DingTalk names nobody', async () => {
    const { send, checkResult } = newSender()
    const { providerMessageId } = await send(to(['u1']))
    await sandbox.client.addFault({
      match: { path: 'getsendresult' },
      fault: { kind: 'http', status: 200, body: '{"errcode":0,"send_result":{"unread_user_id_list":[]}}' },
    })
    expect(await checkResult(providerMessageId ?? '')).toBeUndefined()
  })
})

describe('recall', () => {
  test('takes every part back, within a day', async () => {
    const { send, recall } = newSender()
    const { providerMessageId } = await send(to(users(150)))
    expect(await recall(providerMessageId ?? null)).toEqual({ recalled: true })
    const messages = await sandbox.client.messages()
    expect(messages.filter((message) => message.delivered).map(({ recalled }) => recalled)).toEqual([true, true])

    offset += 25 * 3_600_000
    expect(await recall(providerMessageId ?? null)).toEqual({
      recalled: false,
      reason: expect.stringMatching(/^2 of 2 parts: 400002 /),
    })
  })

  test('a passing fault is thrown', async () => {
    const { send, recall } = newSender()
    const { providerMessageId } = await send(to(['u1']))
    await sandbox.client.addFault({ match: { path: 'recall' }, fault: { kind: 'errcode', errcode: -1 } })
    await expect(recall(providerMessageId ?? null)).rejects.toMatchObject({ errorClass: 'TRANSIENT' })
  })

  test('is not possible for a robot, nor without an id', async () => {
    expect(await newSender().recall(null)).toMatchObject({ recalled: false })
    const robot = createTestSender(adapter, { mode: 'robot', accessToken: 't' })
    expect(await robot.recall(null)).toMatchObject({ recalled: false, reason: expect.stringContaining('robot') })
  })
})
