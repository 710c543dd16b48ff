import { sameSecret } from '@message-center/core/secrets/same-secret.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import fastify from 'fastify'

/** What the probes ask of a worker. */
export interface ProbedWorker {
  metrics: Metrics
  /** Rejects while something is missing. */
  ready(): Promise<void>
  /** Why the process should be restarted. */
  fault(): string | undefined
}

/**
 * `/metrics`, `/health/live` and `/health/ready` of a worker process.
 * @param deps `worker` is undefined as long as it waits for the database
 */
export function buildHealthServer(deps: {
  metricsToken: string | undefined
  worker(): ProbedWorker | undefined
  stopping(): boolean
}) {
  const app = fastify()
  app.get('/health/live', (_request, reply) => {
    const reason = deps.worker()?.fault()
    return reply.code(reason ? 503 : 200).send(reason ? { status: 'unavailable', reason } : { status: 'ok' })
  })
  app.get('/health/ready', async (_request, reply) => {
    try {
      if (deps.stopping()) throw new Error('this process stops')
      const worker = deps.worker()
      if (!worker) throw new Error('waiting for the database; the log says what is missing')
      await worker.ready()
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
    const worker = deps.worker()
    if (!worker) return reply.code(503).send()
    return reply.type(worker.metrics.registry.contentType).send(await worker.metrics.registry.metrics())
  })
  return app
}
