import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Attributes,
  type Context,
  context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { parseTraceParent } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { TracingEnv } from '../settings/tracing-env.ts'
import type { OpenSpan, SpanAttributes, SpanSpec, Tracing, TracingOptions } from './tracing.ts'

/** Spans kept while the collector is slow or away; what comes beyond is dropped. */
const MAX_QUEUE = 8192
const MAX_EXPORT_BATCH = 1024
const EXPORT_TIMEOUT_MS = 10_000
/** At shutdown: part of the 10 s that a process has. */
const CLOSE_LIMIT_MS = 2_000
/** A collector that is away is told of this often. */
const TELL_EVERY_MS = 60_000
const MAX_ATTRIBUTE_LENGTH = 1_000

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}

/** Tracing by OpenTelemetry's SDK, OTLP over HTTP with protobuf. Loaded only where tracing is on; once per process. */
export function createOpenTelemetry(env: TracingEnv, { serviceName, onError }: TracingOptions): Tracing {
  tellFaults(onError)
  const provider = createProvider(env, serviceName)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  // Handlers and adapters from outside add spans of their own by OpenTelemetry's API. No propagator is set: nothing that
  // goes out carries a traceparent.
  trace.setGlobalTracerProvider(provider)
  const tracer = provider.getTracer('message-center')

  const start = ({ name, kind, attributes, parent, link }: SpanSpec, startTime?: number): [Span, Context] => {
    const from = parent === undefined ? context.active() : contextOf(parent)
    const linked = link === undefined ? null : parseTraceParent(link)
    const span = tracer.startSpan(
      name,
      {
        kind: kind ? KINDS[kind] : SpanKind.INTERNAL,
        attributes: attributes as Attributes,
        links: linked ? [{ context: linked }] : [],
        ...(startTime === undefined ? {} : { startTime }),
      },
      from,
    )
    return [span, trace.setSpan(from, span)]
  }
  const open: Tracing['open'] = (spec) => {
    const [span, inside] = start(spec)
    const opened = openSpan(span)
    return { ...opened.span, run: (work) => context.with(inside, work), end: opened.end }
  }
  return {
    open,
    async within(spec, work) {
      const span = open(spec)
      try {
        return await span.run(() => work(span))
      } catch (error) {
        span.set({ 'error.type': kindOf(error) })
        span.fail(kindOf(error))
        throw error
      } finally {
        span.end()
      }
    },
    record(spec, startedAt, durationMs) {
      const [span] = start(spec, startedAt)
      span.end(startedAt + durationMs)
    },
    current: () => traceparentOf(trace.getActiveSpan()?.spanContext()),
    async close() {
      const sent = provider.shutdown().catch((error) => onError(`spans were not sent: ${kindOf(error)}`))
      await Promise.race([sent, delay(CLOSE_LIMIT_MS)])
    },
  }
}

function createProvider(env: TracingEnv, serviceName: string): TracerProvider {
  const exporter = new OTLPTraceExporter({
    url: `${env.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: env.headers,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  })
  return new TracerProvider({
    resource: resourceFromAttributes({
      'host.name': hostname(),
      'process.pid': process.pid,
      'service.instance.id': `${hostname()}:${process.pid}`,
      ...env.resourceAttributes,
      'service.name': env.serviceName ?? env.resourceAttributes['service.name'] ?? serviceName,
    }),
    sampler: samplerOf(env),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: MAX_QUEUE,
        maxExportBatchSize: MAX_EXPORT_BATCH,
        scheduledDelayMillis: env.exportEveryMs,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  })
}

function samplerOf({ sampler, ratio }: TracingEnv): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  }
}

function openSpan(span: Span): { span: OpenSpan; end(): void } {
  let discarded = false
  return {
    span: {
      traceparent: traceparentOf(span.spanContext()),
      set: (attributes: SpanAttributes) => void span.setAttributes(attributes as Attributes),
      fail: (reason) => void span.setStatus({ code: SpanStatusCode.ERROR, message: reason }),
      discard: () => {
        discarded = true
      },
    },
    // One that is never ended is never sent.
    end: () => (discarded ? undefined : span.end()),
  }
}

/** The context of a place elsewhere; what is no traceparent counts as none. */
function contextOf(traceparent: string | null): Context {
  const place = traceparent === null ? null : parseTraceParent(traceparent)
  return place ? trace.setSpanContext(ROOT_CONTEXT, { ...place, isRemote: true }) : ROOT_CONTEXT
}

function traceparentOf(place: SpanContext | undefined): string | undefined {
  if (!place || (place.traceFlags & TraceFlags.SAMPLED) === 0) return undefined
  return `00-${place.traceId}-${place.spanId}-01`
}

const ERROR_CODE = /^[A-Z][A-Z_]{1,39}(?:_\d{3})?$/

/** Texts of errors hold what they were about; its kind is enough here, the log has the rest. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string' && ERROR_CODE.test(error.code) ? error.code : error.name
}

function tellFaults(onError: (text: string) => void): void {
  let toldAt = Number.NEGATIVE_INFINITY
  const tell = (...words: unknown[]) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return
    toldAt = performance.now()
    onError(words.join(' ').slice(0, MAX_ATTRIBUTE_LENGTH))
  }
  const leave = () => undefined
  diag.setLogger({ error: tell, warn: tell, info: leave, debug: leave, verbose: leave }, DiagLogLevel.WARN)
}
