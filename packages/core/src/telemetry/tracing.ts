/**
 * Traces, as the rest of the code sees them: nothing here knows OpenTelemetry, and where tracing is off there is no `Tracing`
 * at all (docs/adr/0030). A place in a trace is a W3C `traceparent`, a text that goes along with rows and jobs.
 */
export interface Tracing {
  /** Runs `work` within a span, which ends with it; what it throws marks the span as failed. */
  within<T>(spec: SpanSpec, work: (span: OpenSpan) => Promise<T>): Promise<T>
  /** Opens a span that somebody ends; `run` makes it the parent of what is begun within. */
  open(spec: SpanSpec): OpenSpan & { run<T>(work: () => T): T; end(): void }
  /** Adds a span of what is over. Times in ms, the first of the epoch. */
  record(spec: SpanSpec, startedAt: number, durationMs: number): void
  /** The place of the span that is being worked in; undefined where there is none, or its trace is not recorded. */
  current(): string | undefined
  /** Sends what is left, for at most so long that a shutdown is not held up. */
  close(): Promise<void>
}

export interface SpanSpec {
  name: string
  /** internal without it */
  kind?: 'server' | 'client' | 'producer' | 'consumer'
  attributes: SpanAttributes
  /** The place it belongs to; null: a trace of its own. Without it: the span that is being worked in. */
  parent?: string | null
  /** Another place that has to do with it. */
  link?: string | undefined
}

export type SpanAttributes = Record<string, string | number | boolean | undefined>

export interface OpenSpan {
  /** Its place, for whoever goes on with the work; undefined where the trace is not recorded. */
  traceparent: string | undefined
  set(attributes: SpanAttributes): void
  /** Marks it as failed. The reason must hold no secret. */
  fail(reason: string): void
  /** It turned out to be about nothing: it is not sent. */
  discard(): void
}

/** How the attributes that every span about a message has are called. */
export const MESSAGE_ID = 'message_center.message_id'
export const TENANT_ID = 'message_center.tenant_id'

export interface TracingOptions {
  /** What the process is called in traces, unless the environment says otherwise. */
  serviceName: string
  /** Told, now and then, that spans are lost. */
  onError(text: string): void
}

/** The trace that a place belongs to, for log lines and people. */
export function traceIdOf(traceparent: string | null | undefined): string | undefined {
  return traceparent?.split('-')[1]
}
