import type { TracingEnv } from '../settings/tracing-env.ts'
import type { Tracing, TracingOptions } from './tracing.ts'

/** Starts tracing where the environment asks for it; else not even the SDK is loaded. */
export async function startTracing(env: TracingEnv | undefined, options: TracingOptions): Promise<Tracing | undefined> {
  if (env === undefined) return undefined
  const { createOpenTelemetry } = await import('./open-telemetry.ts')
  return createOpenTelemetry(env, options)
}
