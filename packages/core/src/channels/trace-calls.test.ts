import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import type { SpanAttributes, SpanSpec, Tracing } from '../telemetry/tracing.ts'
import { createProviderFetch, postJson } from './http.ts'
import { traceProviderCalls } from './trace-calls.ts'

test('a provider is told nothing of the trace, and the trace nothing of the token in its URL', async () => {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers)
    response.writeHead(503).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const told: unknown[] = []
  const tracing: Pick<Tracing, 'within'> = {
    async within<T>(spec: SpanSpec, work: Parameters<Tracing['within']>[1]) {
      told.push(spec)
      const span = {
        traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
        set: (attributes: SpanAttributes) => void told.push(attributes),
        fail: (reason: string) => void told.push(reason),
        discard: () => undefined,
      }
      return (await work(span)) as T
    },
  }
  const { fetch, close } = createProviderFetch({ timeoutMs: 5_000, around: traceProviderCalls(tracing as Tracing) })
  const url = `http://127.0.0.1:${port}/hook/path-token?access_token=query-token`
  await postJson({ fetch, url, body: {}, signal: AbortSignal.timeout(5_000) })
  await close()
  server.close()
  const [headers = {}] = seen
  expect(Object.keys(headers).filter((name) => /trace|baggage|b3/.test(name))).toEqual([])
  expect(JSON.stringify(told)).not.toContain('token')
  expect(told).toMatchObject([
    { name: 'POST 127.0.0.1', kind: 'client', attributes: { 'server.address': '127.0.0.1', 'server.port': port } },
    { 'http.response.status_code': 503 },
    'HTTP 503',
  ])
})
