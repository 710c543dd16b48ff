import type { IncomingMessage } from 'node:http'

/** Whoever sends no more than this slowly is answered in the middle of it. */
const PATIENCE_MS = 2_000

/**
 * Resolves when the rest of a request's body has come, of which nothing is kept; at the latest when it is longer than `limit`.
 * Dubbo's client takes an answer that comes while it is still sending for a cancelled call, and does not show what it says.
 */
export function bodyReceived(request: IncomingMessage, limit: number): Promise<void> {
  if (request.readableEnded || request.destroyed) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  let received = 0
  const patience = setTimeout(resolve, PATIENCE_MS)
  request.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received > limit) resolve()
  })
  for (const event of ['end', 'close', 'error']) request.once(event, () => resolve())
  return promise.finally(() => clearTimeout(patience))
}
