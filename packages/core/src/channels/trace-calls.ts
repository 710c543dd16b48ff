import type { Tracing } from '../telemetry/tracing.ts'
import type { ProviderFetchOptions } from './http.ts'

/**
 * A span per HTTP call to a provider. Of the URL it tells the host alone: webhooks carry their token in the query, or in the
 * path. The call itself carries no traceparent, for providers are strangers.
 */
export function traceProviderCalls(tracing: Tracing): NonNullable<ProviderFetchOptions['around']> {
  return ({ url, method }, call) => {
    const { hostname, port, protocol } = new URL(url)
    const attributes = {
      'http.request.method': method,
      'server.address': hostname,
      'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
    }
    return tracing.within({ name: `${method} ${hostname}`, kind: 'client', attributes }, async (span) => {
      const answer = await call()
      span.set({ 'http.response.status_code': answer.status })
      if (answer.status >= 400) span.fail(`HTTP ${answer.status}`)
      return answer
    })
  }
}
