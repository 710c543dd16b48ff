import { HTTP_METRICS } from '@message-center/core/telemetry/metric-definitions.ts'
import { type Metrics, registerMetrics } from '@message-center/core/telemetry/metrics.ts'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** Of a path that is no route: what somebody wrote there must not become a label. */
const NO_ROUTE = 'none'
/** Streams of inboxes stay open as long as their readers: no duration of a request. */
const STREAMS = '/api/inbox/stream'

/** Measures requests by route and class of the status. */
export const requestMetricsPlugin = fp(
  async (app: FastifyInstance, { registry }: Pick<Metrics, 'registry'>) => {
    const { requests } = registerMetrics(registry, HTTP_METRICS)
    app.addHook('onResponse', ({ method, routeOptions }, reply, done) => {
      done()
      const route = routeOptions.url ?? NO_ROUTE
      if (route === STREAMS && reply.statusCode === 200) return
      // A method that no route has may be any word.
      const known = routeOptions.url === undefined ? NO_ROUTE : method
      const status = `${Math.floor(reply.statusCode / 100)}xx`
      requests.observe({ method: known, route, status }, reply.elapsedTime / 1_000)
    })
  },
  { name: 'request-metrics' },
)
