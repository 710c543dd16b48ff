import { EventSourceParserStream } from 'eventsource-parser/stream'

// A page in a browser has it: the same, as Node's own fetch implements it.
export { EventSource } from 'undici'

export interface StreamEvent {
  id: string | undefined
  event: string | undefined
  data: string
}

/** An open answer of server-sent events. */
export interface TestStream {
  headers: Headers
  /** What has come so far. */
  events: StreamEvent[]
  comments: string[]
  /** Resolves when the stream is over, whoever ended it. */
  ended: Promise<void>
  close(): void
}

/**
 * Opens a stream by fetch, which unlike EventSource sends headers and does not come again.
 * @throws Error with status and text where it is refused
 */
export async function openEventStream(url: string | URL, headers: Record<string, string> = {}): Promise<TestStream> {
  const closing = new AbortController()
  const response = await fetch(url, { headers, signal: closing.signal })
  if (response.status !== 200 || !response.body) throw new Error(`${response.status}: ${await response.text()}`)
  const stream: Omit<TestStream, 'ended'> = {
    headers: response.headers,
    events: [],
    comments: [],
    close: () => closing.abort(),
  }
  const parsed = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream({ onComment: (comment) => void stream.comments.push(comment) }))
  const read = async () => {
    for await (const { id, event, data } of parsed) stream.events.push({ id, event, data })
  }
  // Cut off or closed: over all the same.
  return { ...stream, ended: read().catch(() => undefined) }
}
