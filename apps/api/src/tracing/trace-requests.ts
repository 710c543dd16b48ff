import { TENANT_ID, type Tracing, traceIdOf } from '@message-center/core/telemetry/tracing.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

/**
 * A span per call of a caller who was let in; a `traceparent` that he sends is continued. After the auth plugin: strangers
 * can neither fill the traces nor have theirs recorded. Paths and queries are not told, for they may hold secrets: the route is.
 */
export const traceRequestsPlugin = fp(
  async (app: FastifyInstance, { tracing }: { tracing: Tracing }) => {
    const spans = new WeakMap<FastifyRequest, ReturnType<Tracing['open']>>()
    app.addHook('onRequest', (request, _reply, done) => {
      const { caller, method, headers, routeOptions } = request
      if (caller === undefined) return done()
      const given = headers.traceparent
      const span = tracing.open({
        name: `${method} ${routeOptions.url}`,
        kind: 'server',
        parent: typeof given === 'string' ? given : null,
        attributes: {
          'http.request.method': method,
          'http.route': routeOptions.url,
          'message_center.request_id': request.id,
          [TENANT_ID]: caller.tenantId,
        },
      })
      spans.set(request, span)
      if (span.traceparent) request.log = request.log.child({ traceId: traceIdOf(span.traceparent) })
      span.run(done)
    })
    // Reading the body has led out of the span.
    app.addHook('preHandler', (request, _reply, done) => {
      const span = spans.get(request)
      if (span) span.run(done)
      else done()
    })
    app.addHook('onResponse', async (request, reply) => {
      const span = spans.get(request)
      span?.set({ 'http.response.status_code': reply.statusCode })
      if (reply.statusCode >= 500) span?.fail(`HTTP ${reply.statusCode}`)
      span?.end()
    })
  },
  { name: 'trace-requests', dependencies: ['auth'] },
)
