import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { startSandbox } from '../../../../devkit/src/sandbox/start.ts'
import type { ChannelAdapter } from '../adapter.ts'
import { createTestSender, createTestTokens, NOBODY } from '../adapter-test-kit.ts'
import { createWechatWorkAdapter } from './index.ts'

let offset = 0
const sandbox = await startSandbox({ now: () => Date.now() + offset })
afterAll(() => sandbox.stop())

let adapter: ChannelAdapter
// New tokens for each test: the reset makes those of the last one invalid.
beforeEach(async () => {
  await sandbox.client.reset()
  const { tokens, connected, close } = createTestTokens(inject('redisUrl'))
  await connected()
  adapter = createWechatWorkAdapter({ baseUrl: `${sandbox.url}/wecom`, tokens })
  return close
})

const config = { mode: 'app', corpId: 'corp', corpSecret: 'secret', agentId: 1000002 }
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

  test('2500 users go out in three calls of at most 1000', async () => {
    const { providerMessageId } = await newSender().send(to(users(2500)))
    const parts = await delivered()
    expect(parts.map((part) => part.length)).toEqual([1000, 1000, 500])
    expect(parts.flat()).toEqual(users(2500))
    expect(providerMessageId?.split(',')).toHaveLength(3)
  })

  test('a busy provider at the second call of three: the next attempt sends the other two only', async () => {
    const { send } = newSender()
    await sandbox.client.addFault({
      match: { contentIncludes: '"u1000|' },
      fault: { kind: 'errcode', errcode: 45033 },
      times: 1,
    })
    await expect(send(to(users(2500)))).rejects.toMatchObject({ errorClass: 'RATE_LIMITED', retryAfterMs: 2_000 })
    expect(await delivered()).toEqual([users(1000)])
    await send(to(users(2500)))
    expect((await delivered()).flat()).toEqual(users(2500))
  })

  test('an answer that got lost: WeCom does not show the message twice', async () => {
    const { send } = newSender()
    await sandbox.client.addFault({ match: { path: 'message/send' }, fault: { kind: 'drop', deliver: true }, times: 1 })
    await expect(send(to(['u1']))).rejects.toMatchObject({ errorClass: 'UNKNOWN' })
    await send(to(['u1']))
    const { delivered: shown, duplicate } = await sandbox.client.counters()
    expect([shown, duplicate]).toEqual([1, 1])
  })

  test('the same message on purpose, with the check off: both are shown', async () => {
    const { send } = newSender({ duplicateCheckSeconds: 0 })
    await send(to(['u1']))
    await send(to(['u1']))
    expect((await sandbox.client.counters()).delivered).toBe(2)
    const [message] = await sandbox.client.messages()
    expect(Object.keys(message?.payload ?? {})).toEqual(['touser', 'agentid', 'msgtype', 'text'])
  })

  test('unknown users, users without a licence and unknown mobiles are told, as they were given', async () => {
    await sandbox.client.declareApp('wecom', 'corp', 1000002, {
      secret: 'secret',
      users: [{ userId: 'Ann', mobile: '13800000001' }, { userId: 'Bob', unlicensed: true }, { userId: 'Cid' }],
    })
    const { send } = newSender()
    const outcome = await send(to(['Cid', 'Bob', 'Xaver'], ['13800000001', '13800000009']))
    expect(outcome.detail).toBe(
      'not reached: 13800000009 (no user has this mobile); Xaver (unknown user id); Bob (no licence)',
    )
    expect(await delivered()).toEqual([['Cid', 'Ann']])
  })

  test('`@all` among the user ids reaches nobody, nor does an id that would break the list', async () => {
    const outcome = await newSender().send(to(['@all', 'u1', 'u2|u3']))
    expect(outcome.detail).toBe('not reached: @all, u2|u3 (not a user id)')
    expect(await delivered()).toEqual([['u1']])
  })

  test('users who are all unknown: PERMANENT with WeCom’s code', async () => {
    await sandbox.client.declareApp('wecom', 'corp', 1000002, { secret: 'secret', users: [{ userId: 'u1' }] })
    await expect(newSender().send(to(['x', 'y']))).rejects.toMatchObject({ errorClass: 'PERMANENT', code: '81013' })
  })

  test('an "ok" that reached nobody is none', async () => {
    const body = '{"errcode":0,"errmsg":"ok","invaliduser":"ann","unlicenseduser":"bob","msgid":"m1"}'
    await sandbox.client.addFault({ match: { path: 'message/send' }, fault: { kind: 'http', status: 200, body } })
    await expect(newSender().send(to(['Ann', 'Bob']))).rejects.toMatchObject({
      errorClass: 'PERMANENT',
      code: 'NO_RECIPIENT',
      message: 'not reached: Ann (unknown user id); Bob (no licence)',
    })
  })

  test('everyone', async () => {
    const outcome = await newSender().send({ recipients: { ...NOBODY, all: true, userIds: ['u1'] } })
    expect(outcome.providerMessageId).toBeTruthy()
    expect(await sandbox.client.messages()).toMatchObject([
      { recipients: { all: true, userIds: [] }, payload: { touser: '@all' } },
    ])
  })
})

describe('the access token', () => {
  test.each([
    ['a wrong secret', { corpId: 'other', corpSecret: 'wrong' }, '40001'],
    ['an unknown corp', { corpId: 'nobody', corpSecret: 'wrong' }, '40013'],
  ])('%s: PERMANENT', async (_, credentials, code) => {
    await sandbox.client.declareApp('wecom', 'other', 1000002, { secret: 'right' })
    await sandbox.client.settings({ strictTokens: true })
    await expect(newSender(credentials).send(to(['u1']))).rejects.toMatchObject({ errorClass: 'PERMANENT', code })
  })

  test.each([
    [{ kind: 'errcode', errcode: -1 } as const, 'TRANSIENT'],
    [{ kind: 'errcode', errcode: 45009 } as const, 'RATE_LIMITED'],
    [{ kind: 'http', status: 200, body: '{"errcode":0}' } as const, 'TRANSIENT'],
    [{ kind: 'drop' } as const, 'TRANSIENT'],
  ])('%j is %s', async (fault, errorClass) => {
    await sandbox.client.addFault({ match: { path: 'gettoken' }, fault })
    const { send } = newSender({ corpSecret: crypto.randomUUID() })
    await expect(send(to(['u1']))).rejects.toMatchObject({ errorClass })
    expect((await sandbox.client.counters()).received).toBe(0)
  })
})

test('recall takes every part back, within a day; a robot cannot', async () => {
  const { send, recall } = newSender()
  const { providerMessageId = null } = await send(to(users(1200)))
  expect(await recall(providerMessageId)).toEqual({ recalled: true })
  const messages = await sandbox.client.messages()
  expect(messages.filter((message) => message.delivered).map(({ recalled }) => recalled)).toEqual([true, true])

  offset += 25 * 3_600_000
  expect(await recall(providerMessageId)).toMatchObject({ recalled: false, reason: expect.stringMatching(/^2 of 2/) })
  const robot = createTestSender(adapter, { mode: 'robot', key: 'k' })
  expect(await robot.recall(null)).toMatchObject({ recalled: false, reason: expect.stringContaining('robot') })
})
