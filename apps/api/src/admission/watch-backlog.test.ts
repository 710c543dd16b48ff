import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Backlog } from './read-backlog.ts'
import { watchBacklog } from './watch-backlog.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const seen = (messages: number): Backlog => ({
  all: { messages, oldestSeconds: 3 },
  tenants: new Map([['7', { messages, oldestSeconds: 4 }]]),
  redisMemoryShare: 0.5,
})

test('what is accepted between two looks counts at once, and once', async () => {
  const read = vi.fn(async () => seen(10))
  const watch = watchBacklog(read, () => undefined)
  await vi.advanceTimersByTimeAsync(0)
  watch.add('7', 2)
  watch.add('8', 5)
  expect(watch.current('7')).toMatchObject({ all: { messages: 17, oldestSeconds: 3 }, tenant: { messages: 12 } })
  expect(watch.current('8').tenant).toEqual({ messages: 5, oldestSeconds: 0 })
  read.mockResolvedValue(seen(17))
  await vi.advanceTimersByTimeAsync(1_000)
  expect(watch.current('7')).toMatchObject({ all: { messages: 17 }, tenant: { messages: 17 } })
  await watch.close()
})

test('while looking fails, what is accepted goes on adding up; one line tells of it', async () => {
  const read = vi.fn(async () => seen(10))
  const onError = vi.fn()
  const watch = watchBacklog(read, onError)
  await vi.advanceTimersByTimeAsync(0)
  read.mockRejectedValue(new Error('away'))
  for (let second = 0; second < 5; second++) {
    watch.add('7', 100)
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect(watch.current('7').tenant.messages).toBe(510)
  expect(onError).toHaveBeenCalledTimes(1)
  read.mockResolvedValue(seen(20))
  await vi.advanceTimersByTimeAsync(1_000)
  expect(watch.current('7').tenant.messages).toBe(20)
  await watch.close()
})

test('looks that take long are made less often, but what has drained is seen within seconds all the same', async () => {
  let messages = 10
  const read = vi.fn(() => new Promise<Backlog>((resolve) => setTimeout(() => resolve(seen(messages)), 2_000)))
  const watch = watchBacklog(read, () => undefined)
  await vi.advanceTimersByTimeAsync(2_000)
  messages = 0
  await vi.advanceTimersByTimeAsync(5_000)
  expect(watch.current('7').tenant.messages).toBe(0)
  expect(read).toHaveBeenCalledTimes(2)
  const closing = watch.close()
  await vi.advanceTimersByTimeAsync(2_000)
  await closing
})
