import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChannelError } from './channel-error.ts'
import { type PartedSend, type PartOutcome, sendInParts } from './send-in-parts.ts'

const names = (count: number) => Array.from({ length: count }, (_, n) => `u${n}`)
const transient = () => new ChannelError('TRANSIENT', { code: '-1', message: 'busy' })

/** A task whose parts are sent by `sendPart`; its progress is kept from attempt to attempt. */
function taskOf(fields: Partial<PartedSend> & Pick<PartedSend, 'recipients'>) {
  const sent: string[][] = []
  let progress: unknown
  const attempt = (overrides: Partial<PartedSend> = {}) =>
    sendInParts({
      partSize: 3,
      pause: { recipients: 1_000_000, ms: 1 },
      progress,
      async saveProgress(saved) {
        progress = JSON.parse(JSON.stringify(saved))
      },
      faultOf: () => undefined,
      lookUp: async (mobiles) => mobiles.map((mobile) => ({ userId: `user-${mobile}` })),
      async sendPart(userIds) {
        sent.push([...userIds])
        return { response: { part: sent.length }, messageId: `id${sent.length}`, notReached: {} }
      },
      ...fields,
      ...overrides,
    })
  return { attempt, sent, progress: () => progress }
}

describe('parts', () => {
  test('user ids first, then mobiles, no user twice in the message', async () => {
    const { attempt, sent } = taskOf({
      recipients: { userIds: ['u1', 'u2', 'user-138', 'u3'], mobiles: ['138', '139', '137'], all: false },
    })
    expect(await attempt()).toEqual({
      response: [{ part: 1 }, { part: 2 }, { part: 3 }],
      providerMessageId: 'id1,id2,id3',
    })
    expect(sent).toEqual([['u1', 'u2', 'user-138'], ['u3', 'user-139'], ['user-137']])
  })

  test('a single part saves no progress and keeps the answer as it is', async () => {
    const { attempt, progress } = taskOf({ recipients: { userIds: ['u1'], mobiles: [], all: false } })
    expect(await attempt()).toEqual({ response: { part: 1 }, providerMessageId: 'id1' })
    expect(progress()).toBeUndefined()
  })

  test('whatever fails in between, and however often: each recipient is sent to once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 0, max: 10 }),
        fc.array(fc.boolean(), { maxLength: 12 }),
        async (users, mobiles, failures) => {
          const { attempt, sent } = taskOf({
            recipients: { userIds: names(users), mobiles: names(mobiles), all: false },
          })
          const failing = [...failures]
          const sendPart: PartedSend['sendPart'] = async (userIds) => {
            if (failing.shift()) throw transient()
            sent.push([...userIds])
            return { response: null, messageId: `id${sent.length}`, notReached: {} }
          }
          let outcome: Awaited<ReturnType<typeof attempt>> | undefined
          while (!outcome) outcome = await attempt({ sendPart }).catch(() => undefined)
          expect(sent.flat()).toEqual([...names(users), ...names(mobiles).map((mobile) => `user-${mobile}`)])
          expect(outcome.providerMessageId?.split(',')).toEqual(sent.map((_, index) => `id${index + 1}`))
        },
      ),
    )
  })
})

describe('who is not reached', () => {
  test('is told and fails nobody else, over all attempts', async () => {
    const { attempt, sent } = taskOf({
      recipients: { userIds: ['a', 'b|c', 'd', 'e', 'f'], mobiles: ['138', '139'], all: false },
      faultOf: (userId) => (userId.includes('|') ? 'not a user id' : undefined),
      lookUp: async (mobiles) =>
        mobiles.map((mobile) => (mobile === '139' ? { reason: 'no user has this mobile' } : { userId: mobile })),
    })
    let calls = 0
    const sendPart: PartedSend['sendPart'] = async (userIds) => {
      calls += 1
      if (calls === 2) throw transient()
      sent.push([...userIds])
      return { response: null, messageId: 'id', notReached: { unknown: { count: 1, first: userIds.slice(0, 1) } } }
    }
    await expect(attempt({ sendPart })).rejects.toMatchObject({ errorClass: 'TRANSIENT' })
    const { detail } = await attempt({ sendPart })
    expect(sent).toEqual([
      ['a', 'd'],
      ['e', 'f', '138'],
    ])
    expect(detail).toBe('not reached: b|c (not a user id); a, e (unknown); 139 (no user has this mobile)')
  })

  test('a part of which nobody exists does not keep the others from getting it', async () => {
    const refusal = new ChannelError('PERMANENT', { code: '33012', message: 'no user id is valid' })
    const { attempt } = taskOf({ recipients: { userIds: names(6), mobiles: [], all: false } })
    const sendPart = async (userIds: readonly string[]): Promise<PartOutcome> => {
      if (!userIds.includes('u0')) return { response: 'yes', messageId: 'id', notReached: {} }
      return { response: 'no', refusal, notReached: { unknown: { count: 3, first: [...userIds] } } }
    }
    expect(await attempt({ sendPart })).toEqual({
      response: ['no', 'yes'],
      providerMessageId: 'id',
      detail: 'not reached: u0, u1, u2 (unknown)',
    })
    const onlyThem = taskOf({ recipients: { userIds: names(3), mobiles: [], all: false }, sendPart })
    await expect(onlyThem.attempt()).rejects.toBe(refusal)
  })

  test('nobody left: PERMANENT NO_RECIPIENT', async () => {
    const { attempt } = taskOf({
      recipients: { userIds: [], mobiles: ['138'], all: false },
      lookUp: async () => [{ reason: 'no user has this mobile' }],
    })
    await expect(attempt()).rejects.toMatchObject({
      errorClass: 'PERMANENT',
      code: 'NO_RECIPIENT',
      message: 'not reached: 138 (no user has this mobile)',
    })
    const empty = taskOf({ recipients: { userIds: [], mobiles: [], all: false } })
    await expect(empty.attempt()).rejects.toMatchObject({ errorClass: 'PERMANENT', code: 'NO_RECIPIENT' })
  })

  test('however many they are, the note stays short', async () => {
    const { attempt, progress } = taskOf({
      recipients: { userIds: names(2000), mobiles: [], all: false },
      partSize: 100,
    })
    const sendPart: PartedSend['sendPart'] = async (userIds) => ({
      response: null,
      messageId: 'id',
      notReached: { unknown: { count: userIds.length, first: [...userIds] } },
    })
    const { detail } = await attempt({ sendPart })
    expect(detail).toBe('not reached: u0, u1, u2, u3, u4, u5, u6, u7, u8, u9 and 1990 more (unknown)')
    expect(JSON.stringify(progress()).length).toBeLessThan(2_000)
  })
})

test('a fault for good in the middle says how far it went', async () => {
  const { attempt } = taskOf({ recipients: { userIds: names(7), mobiles: [], all: false } })
  const sendPart: PartedSend['sendPart'] = async (userIds) => {
    if (userIds.includes('u3'))
      throw new ChannelError('PERMANENT', { code: '45002', message: 'too long', response: 'r' })
    return { response: null, messageId: 'id', notReached: {} }
  }
  await expect(attempt({ sendPart })).rejects.toMatchObject({
    errorClass: 'PERMANENT',
    code: '45002',
    message: 'after 3 of 7 recipients: too long',
    response: 'r',
  })
})

test('more than the provider takes in a while: the rest waits, without using up a retry', async () => {
  const { attempt, sent } = taskOf({
    recipients: { userIds: names(10), mobiles: [], all: false },
    pause: { recipients: 6, ms: 60_000 },
  })
  await expect(attempt()).rejects.toMatchObject({
    errorClass: 'RATE_LIMITED',
    code: 'CONTINUES',
    retryAfterMs: 60_000,
    message: 'sent to 6 of 10 recipients so far; the rest follows',
  })
  expect(await attempt()).toMatchObject({ providerMessageId: 'id1,id2,id3,id4' })
  expect(sent.map((part) => part.length)).toEqual([3, 3, 3, 1])
})
