import { randomUUID } from 'node:crypto'
import type { TestSystem } from '../testing/test-system.ts'
import { BUSINESS_TYPE } from './bench-system.ts'

export interface Latency {
  samples: number
  p50Ms: number
  p99Ms: number
}

/** One message at a time on an idle system: from the POST until the request has arrived at the provider. */
export async function measureIdleLatency(system: TestSystem, samples: number): Promise<Latency> {
  const call = system.caller()
  const latencies: number[] = []
  for (let sample = 0; sample < samples; sample++) {
    const orderNo = randomUUID()
    const postedAt = performance.timeOrigin + performance.now()
    await call('POST', '/api/messages', {
      businessType: BUSINESS_TYPE,
      businessData: { orderNo, userId: 'u1' },
      targetChannels: ['DINGTALK'],
    })
    await system.sandbox.client.wait({ contains: orderNo, count: 1, timeoutMs: 30_000 })
    const [arrived] = await system.sandbox.client.messages({ contains: orderNo })
    latencies.push((arrived?.at ?? Number.NaN) - postedAt)
  }
  return latencyOf(latencies)
}

/** Percentiles of measured latencies (ms). */
export function latencyOf(latencies: readonly number[]): Latency {
  const sorted = latencies.toSorted((a, b) => a - b)
  const samples = sorted.length
  const at = (share: number) => sorted[Math.min(samples - 1, Math.floor(samples * share))] ?? Number.NaN
  return { samples, p50Ms: at(0.5), p99Ms: at(0.99) }
}
