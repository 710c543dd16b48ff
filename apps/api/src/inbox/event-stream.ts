import { once } from 'node:events'
import type { OutgoingHttpHeaders } from 'node:http'
import type { InboxItem } from '@message-center/core/contracts/inbox.ts'
import type { FastifyReply } from 'fastify'

/** What a listener may leave unread before it is cut off; it resumes where it was. */
const MAX_UNREAD_BYTES = 256 * 1024
/** Whoever has not taken what was sent so long after the end is cut off: a process that stops has 10 s in all. */
const END_LIMIT_MS = 1_000
/** Until a browser comes again: spread, so that those whom a process let go do not return in the same instant. */
const RETRY_MS = 1_000
const RETRY_SPREAD_MS = 2_000

/** One open answer of server-sent events. */
export interface EventStream {
  /** Aborted when it is over, whoever ended it. */
  readonly closed: AbortSignal
  send(item: InboxItem): void
  /** Resolves when the listener has taken what was sent. Rejects when it is closed before. */
  taken(): Promise<void>
  /** Shows every proxy on the way, and us, that somebody is there. Cuts off who has taken nothing since the last one. */
  beat(): void
  /** Lets the listener go; it comes again, by another connection. */
  end(): void
  /** Ends a listener that does not keep up. */
  cut(): void
}

/**
 * Takes the answer over from Fastify and begins it.
 * @param from id that a listener resumes after which has not been sent anything yet
 */
export function beginEventStream(reply: FastifyReply, from: bigint): EventStream {
  const closed = new AbortController()
  const { raw } = reply
  let unreadAtLastBeat = false
  const write = (text: string) => {
    if (closed.signal.aborted) return
    if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy()
    else raw.write(text)
  }
  reply.headers({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    // nginx would collect events before it passes them on.
    'x-accel-buffering': 'no',
    'x-request-id': reply.request.id,
    // When this ends, the listener is to come by a new connection, which a load balancer gives to a process that lives.
    connection: 'close',
  })
  reply.hijack()
  raw.once('close', () => closed.abort())
  // A connection that breaks says so by 'close' as well.
  raw.on('error', () => raw.destroy())
  raw.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders)
  if (raw.destroyed) closed.abort()
  // An id without data is no event, but what the listener resumes after.
  write(`retry: ${RETRY_MS + Math.floor(Math.random() * RETRY_SPREAD_MS)}\nid: ${from}\n\n`)
  return {
    closed: closed.signal,
    send: (item) => write(`id: ${item.id}\nevent: message\ndata: ${JSON.stringify(item)}\n\n`),
    async taken() {
      closed.signal.throwIfAborted()
      if (raw.writableNeedDrain) await once(raw, 'drain', { signal: closed.signal })
    },
    beat() {
      const unread = raw.writableLength > 0
      if (unread && unreadAtLastBeat) raw.destroy()
      unreadAtLastBeat = unread
      write(': still here\n\n')
    },
    end() {
      raw.end()
      // What a listener does not take by then it gets when it resumes.
      const timer = setTimeout(() => raw.destroy(), END_LIMIT_MS)
      closed.signal.addEventListener('abort', () => clearTimeout(timer))
    },
    cut: () => void raw.destroy(),
  }
}
