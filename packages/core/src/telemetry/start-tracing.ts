import type { TracingEnv } from '../settings/tracing-env.ts'
import type { Logger } from './logger.ts'
import type { Tracing } from './tracing.ts'

/** Starts tracing where the environment asks for it; else not even the SDK is loaded. */
export async function startTracing(
  env: TracingEnv | undefined,
  serviceName: string,
  logger: Pick<Logger, 'warn'>,
): Promise<Tracing | undefined> {
  if (env === undefined) return undefined
  const { createOpenTelemetry } = await import('./open-telemetry.ts')
  return createOpenTelemetry(env, { serviceName, onError: (text) => logger.warn(`traces: ${text}`) })
}
