import { expect, it } from 'vitest'
import { createReceivedStore, type MessageRecord, NOBODY } from './received.ts'
import { createRecentKeys } from './recent.ts'

const message = (body: string, messageId?: string): MessageRecord => ({
  at: 1,
  clientPort: 40_000,
  provider: 'wecom',
  mode: 'app',
  key: 'k',
  msgtype: 'text',
  body,
  recipients: NOBODY,
  answer: { status: 200, errcode: 0 },
  delivered: true,
  duplicate: false,
  dropped: false,
  truncated: [],
  messageId,
})
const bodies = (store: ReturnType<typeof createReceivedStore>) => store.list({}).map(({ body }) => body)

it('keeps the newest messages only, and forgets the ids of the others', () => {
  const store = createReceivedStore(3)
  for (let index = 1; index <= 5; index += 1) store.record(message(`"${index}"`, `id${index}`))
  expect(bodies(store)).toEqual(['"3"', '"4"', '"5"'])
  expect(store.find('wecom', 'id2')).toBeUndefined()
  expect(store.find('wecom', 'id3')?.body).toBe('"3"')
  expect(store.find('dingtalk', 'id3')).toBeUndefined()
})

it('is bounded by the size of the bodies too, but always keeps the last', () => {
  const store = createReceivedStore(100, 10)
  for (const body of ['aaaa', 'bbbb', 'cccc']) store.record(message(body))
  expect(bodies(store)).toEqual(['bbbb', 'cccc'])
  store.record(message('x'.repeat(50)))
  expect(bodies(store)).toEqual(['x'.repeat(50)])
})

it('starts anew after clear, without using an id again', () => {
  const store = createReceivedStore(3)
  const first = store.record(message('a', 'id'))
  store.clear()
  expect(bodies(store)).toEqual([])
  expect(store.find('wecom', 'id')).toBeUndefined()
  expect(store.record(message('b')).id).not.toBe(first.id)
  expect(bodies(store)).toEqual(['b'])
})

it('remembers recent keys until they expire, the newest where there are too many', () => {
  const recent = createRecentKeys(2)
  recent.add('a', 10)
  recent.add('b', 20)
  expect([recent.has('a', 9), recent.has('a', 10), recent.has('b', 10)]).toEqual([true, false, true])
  recent.add('c', 20)
  expect([recent.has('a', 1), recent.has('b', 1), recent.has('c', 1)]).toEqual([false, true, true])
})
