import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CallbackEvent } from '@message-center/core/contracts/callback-event.ts'

/** One request as it came. */
export interface ReceivedCallback {
  path: string
  headers: http.IncomingHttpHeaders
  body: string
  event: CallbackEvent
  at: number
}

/** A status to answer with, `busy`: HTTP 429 until an hour has passed, or `hang`: no answer at all. */
export type CallbackReply = number | 'busy' | 'hang'

export interface CallbackReceiver {
  origin: string
  received: ReceivedCallback[]
  /** What came for one message. */
  of(messageId: string): ReceivedCallback[]
  close(): Promise<void>
}

/** The server of a business system that is told of final statuses. `reply` decides by the request and its count of the message. */
export async function startCallbackReceiver(
  reply: (callback: ReceivedCallback, nth: number) => CallbackReply = () => 204,
): Promise<CallbackReceiver> {
  const received: ReceivedCallback[] = []
  const of = (messageId: string) => received.filter(({ event }) => event.data.messageId === messageId)
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const callback = {
      path: request.url ?? '',
      headers: request.headers,
      body,
      event: JSON.parse(body),
      at: Date.now(),
    }
    received.push(callback)
    const status = reply(callback, of(callback.event.data.messageId).length)
    if (status === 'busy') response.writeHead(429, { 'retry-after': '3600' }).end()
    else if (status !== 'hang') response.writeHead(status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    of,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
