import { setTimeout as delay } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import {
  Health,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from './generated/grpc/health/v1/health_pb.js'

const WATCH_EVERY_MS = 1000

/**
 * grpc.health.v1: SERVING while MySQL and Redis answer.
 * @param names the services that may be asked for; '' stands for the whole
 * @param ready rejects where one of them does not answer
 * @param stopping ends those who watch
 */
export function healthRoutes(
  router: ConnectRouter,
  names: ReadonlySet<string>,
  ready: () => Promise<void>,
  stopping: AbortSignal,
): void {
  const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus
  const check = async (service: string) => {
    if (service !== '' && !names.has(service)) throw new ConnectError(`there is no service ${service}`, Code.NotFound)
    const status = await ready().then(
      () => SERVING,
      () => NOT_SERVING,
    )
    return create(HealthCheckResponseSchema, { status })
  }

  router.service(Health, {
    check: ({ service }) => check(service),
    async *watch({ service }, context) {
      const signal = AbortSignal.any([context.signal, stopping])
      let told: number | undefined
      while (!signal.aborted) {
        const answer = await check(service)
        if (answer.status !== told) yield answer
        told = answer.status
        await delay(WATCH_EVERY_MS, undefined, { signal }).catch(() => {})
      }
    },
  })
}
