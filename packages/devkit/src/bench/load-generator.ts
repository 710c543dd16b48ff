import { json } from 'node:stream/consumers'
import autocannon from 'autocannon'
import type { LoadOrder, LoadResult } from './load-order.ts'
import { offerPaced } from './paced-load.ts'

const DEFAULT_SECONDS = 5

function generate(order: LoadOrder): Promise<LoadResult> {
  const { perSecond, seconds = DEFAULT_SECONDS } = order
  return perSecond === undefined ? offerAll(order) : offerPaced(order, { perSecond, seconds })
}

/** As many as are answered. */
async function offerAll(order: LoadOrder): Promise<LoadResult> {
  const startedAt = performance.now()
  let lastAnswerAt = startedAt
  const result = await autocannon({
    url: order.url,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${order.token}` },
    body: order.body,
    idReplacement: order.body.includes('[<id>]'),
    connections: order.connections,
    ...(order.requests === undefined ? { duration: order.seconds ?? DEFAULT_SECONDS } : { amount: order.requests }),
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
