import { type MessageFilter, matcherOf, type ReceivedStore, type StoredMessage } from './received.ts'

export interface WaitResult {
  satisfied: boolean
  /** Delivered messages that matched, those that the store has let go since included. */
  count: number
}

/** Resolves as soon as `count` delivered messages match, those already here included, or when the time is over. */
export function waitForMessages(
  store: ReceivedStore,
  filter: MessageFilter,
  wanted: { count: number; timeoutMs: number; signal: AbortSignal },
): Promise<WaitResult> {
  const matches = matcherOf(filter)
  let count = store.list({ ...filter, limit: undefined }).filter((message) => message.delivered).length
  if (count >= wanted.count) return Promise.resolve({ satisfied: true, count })
  return new Promise((resolve) => {
    const finish = () => {
      stopWatching()
      clearTimeout(timer)
      wanted.signal.removeEventListener('abort', finish)
      resolve({ satisfied: count >= wanted.count, count })
    }
    const look = (message: StoredMessage) => {
      if (!message.delivered || !matches(message)) return
      count += 1
      if (count >= wanted.count) finish()
    }
    const stopWatching = store.watch(look)
    const timer = setTimeout(finish, wanted.timeoutMs)
    wanted.signal.addEventListener('abort', finish)
  })
}
