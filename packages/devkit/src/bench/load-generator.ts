import { json } from 'node:stream/consumers'
import autocannon from 'autocannon'

/** What the load generator is told on its input, as JSON. */
export interface LoadOrder {
  url: string
  token: string
  /** JSON; `[<id>]` in it becomes another id in each request. */
  body: string
  connections: number
  /** How long … */
  seconds?: number
  /** … or how many requests. */
  requests?: number
  /** Requests per second of all connections together; as many as are answered without it. */
  perSecond?: number
}

/** What it answers on its output, as JSON. */
export interface LoadResult {
  /** Requests that were answered by 2xx. */
  answered: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  errors: number
}

async function generate(order: LoadOrder): Promise<LoadResult> {
  const startedAt = performance.now()
  let lastAnswerAt = startedAt
  const result = await autocannon({
    url: order.url,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${order.token}` },
    body: order.body,
    idReplacement: order.body.includes('[<id>]'),
    connections: order.connections,
    ...(order.requests === undefined ? { duration: order.seconds ?? 5 } : { amount: order.requests }),
    ...(order.perSecond === undefined ? {} : { overallRate: order.perSecond }),
    timeout: 30,
    setupClient(client) {
      client.on('response', () => {
        lastAnswerAt = performance.now()
      })
    },
  })
  // Not until it resolves: it looks only once a second whether it is done.
  const seconds = (lastAnswerAt - startedAt) / 1000
  const { latency, non2xx, errors } = result
  const answered = result['2xx']
  return { answered, perSecond: answered / seconds, p50Ms: latency.p50, p99Ms: latency.p99, errors: non2xx + errors }
}

if (import.meta.main) process.stdout.write(JSON.stringify(await generate((await json(process.stdin)) as LoadOrder)))
