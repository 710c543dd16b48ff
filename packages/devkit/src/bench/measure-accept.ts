import autocannon from 'autocannon'
import { benchMessage } from './bench-system.ts'

export interface Throughput {
  perSecond: number
  p50Ms: number
  p99Ms: number
  errors: number
}

/** Posts messages as fast as the server answers them. */
export async function measureAccept(
  url: string,
  token: string,
  { connections = 64, seconds = 5 } = {},
): Promise<Throughput> {
  const result = await autocannon({
    url: `${url}/api/messages`,
    connections,
    duration: seconds,
    // The load generator must not compete for the event loop of the measuring process.
    workers: 1,
    requests: [
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ ...benchMessage(), messageId: '[<id>]' }),
      },
    ],
    idReplacement: true,
  })
  return {
    perSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    errors: result.non2xx + result.errors,
  }
}
