import type { ApiCaller } from '../testing/api-caller.ts'

const IN_FLIGHT = 64

/**
 * Posts so many messages, each by a call of its own, many calls at once, the callers in turn.
 * @throws Error where one was not accepted
 */
export async function postOneByOne(calls: readonly ApiCaller[], count: number, message: () => object): Promise<void> {
  let next = 0
  async function post(): Promise<void> {
    for (let index = next++; index < count; index = next++) {
      const answer = await calls[index % calls.length]?.('POST', '/api/messages', message())
      if (answer?.status !== 202) throw new Error(`POST /api/messages was answered ${answer?.status}`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, post))
}
