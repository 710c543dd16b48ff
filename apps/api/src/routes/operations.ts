import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError, ErrorBody } from '@message-center/core/contracts/errors.ts'
import { sameSecret } from '@message-center/core/secrets/same-secret.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import { Type } from 'typebox'

const Health = Type.Object({ status: Type.String() })

/** Probes and metrics. `ready` rejects while MySQL or Redis does not answer. */
export const operationRoutes: FastifyPluginAsyncTypebox<{
  metrics: Metrics
  metricsToken: string | undefined
  ready(): Promise<void>
}> = async (app, { metrics, metricsToken, ready }) => {
  app.get('/health/live', {
    config: { access: 'public' },
    schema: {
      tags: ['operations'],
      summary: 'Is the process alive',
      description: 'For an orchestrator that restarts what hangs: no answer means just that.',
      security: [],
      response: { 200: Health, 500: { ...ErrorBody, description: 'INTERNAL' } },
    },
    handler: () => ({ status: 'ok' }),
  })
  app.get('/health/ready', {
    config: { access: 'public' },
    schema: {
      tags: ['operations'],
      summary: 'May work be sent here',
      description:
        'For a load balancer: MySQL and Redis answer, and the process has not been told to stop. After SIGTERM it says 503 and still answers all calls for `SHUTDOWN_GRACE_MS`, so look more often than that.',
      security: [],
      response: { 200: Health, 503: { ...ErrorBody, description: 'Not now, and why' } },
    },
    async handler() {
      try {
        await ready()
      } catch (error) {
        if (error instanceof AppError) throw error
        throw new AppError('UNAVAILABLE', 'MySQL or Redis does not answer', {}, { cause: error })
      }
      return { status: 'ok' }
    },
  })
  app.get('/metrics', {
    config: { access: 'public' },
    schema: {
      tags: ['operations'],
      summary: 'Metrics of this process',
      description: 'Prometheus text format. Where METRICS_TOKEN is set it has to come as the bearer token.',
      security: [],
      response: {
        200: { description: 'Metrics', content: { 'text/plain': { schema: Type.String() } } },
        401: { ...ErrorBody, description: 'METRICS_TOKEN is set and was not given' },
      },
    },
    async handler(request, reply) {
      if (metricsToken && !sameSecret(request.headers.authorization ?? '', `Bearer ${metricsToken}`)) {
        throw new AppError('UNAUTHORIZED', 'METRICS_TOKEN is required')
      }
      return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
    },
  })
}
