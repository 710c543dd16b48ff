import { sameSecret } from '@message-center/core/secrets/same-secret.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import fastify from 'fastify'

/**
 * `/metrics`, `/health/live` and `/health/ready` of a worker process.
 * @param deps `ready` rejects while something is missing; `fault` says why the process should be restarted
 */
export function buildHealthServer(deps: {
  metrics: Metrics
  metricsToken: string | undefined
  ready(): Promise<void>
  fault(): string | undefined
}) {
  const app = fastify()
  app.get('/health/live', (_request, reply) => {
    const reason = deps.fault()
    return reply.code(reason ? 503 : 200).send(reason ? { status: 'unavailable', reason } : { status: 'ok' })
  })
  app.get('/health/ready', async (_request, reply) => {
    try {
      await deps.ready()
      return { status: 'ok' }
    } catch (error) {
      return reply
        .code(503)
        .send({ status: 'unavailable', reason: error instanceof Error ? error.message : String(error) })
    }
  })
  app.get('/metrics', async (request, reply) => {
    if (deps.metricsToken && !sameSecret(request.headers.authorization ?? '', `Bearer ${deps.metricsToken}`))
      return reply.code(401).send()
    return reply.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics())
  })
  return app
}
