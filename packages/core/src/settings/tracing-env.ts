import { EnvError, readers, type Variables } from './env-readers.ts'

/** Where traces go and which; the variables are OpenTelemetry's own. */
export interface TracingEnv {
  /** Of the collector; `/v1/traces` is added. */
  endpoint: string
  headers: Record<string, string>
  /** Replaces the process's own name. */
  serviceName: string | undefined
  resourceAttributes: Record<string, string>
  sampler: (typeof SAMPLERS)[number]
  /** Share of the traces that are recorded, 0 to 1, for the samplers that go by one. */
  ratio: number
  /** Longest wait of an ended span until it is sent. */
  exportEveryMs: number
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/**
 * @returns undefined where tracing is off: without OTEL_EXPORTER_OTLP_ENDPOINT
 * @throws EnvError
 */
export function readTracingEnv(variables: Variables): TracingEnv | undefined {
  const { text, url, oneOf, integer } = readers(variables)
  const endpoint = url('OTEL_EXPORTER_OTLP_ENDPOINT', ['https:', 'http:'])
  const settings = {
    headers: pairs('OTEL_EXPORTER_OTLP_HEADERS', text('OTEL_EXPORTER_OTLP_HEADERS')),
    serviceName: text('OTEL_SERVICE_NAME'),
    resourceAttributes: pairs('OTEL_RESOURCE_ATTRIBUTES', text('OTEL_RESOURCE_ATTRIBUTES')),
    sampler: oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on'),
    ratio: ratio(text('OTEL_TRACES_SAMPLER_ARG')),
    exportEveryMs: integer('OTEL_BSP_SCHEDULE_DELAY', 5_000, 1, 600_000),
  }
  return endpoint === undefined ? undefined : { endpoint, ...settings }
}

/** `key=value,key2=value2`, percent-encoded, as W3C Baggage has it. */
function pairs(name: string, value: string | undefined): Record<string, string> {
  const entries = (value ?? '').split(',').filter((entry) => entry.trim() !== '')
  return Object.fromEntries(
    entries.map((entry) => {
      const [, key, given] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(entry) ?? []
      const decoded = given === undefined ? undefined : percentDecoded(given)
      // The value itself is not repeated: headers carry tokens.
      if (key === undefined || decoded === undefined) throw new EnvError(`${name} must be key=value, comma-separated`)
      return [key, decoded]
    }),
  )
}

function percentDecoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value)
  } catch {
    // The caller says which variable it is.
    return undefined
  }
}

function ratio(value: string | undefined): number {
  const number = Number(value ?? 1)
  if (!(number >= 0 && number <= 1))
    throw new EnvError(`OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not '${value}'`)
  return number
}
