import { createServer, type ServerResponse } from 'node:http'
import protobuf from 'protobufjs'
import { freePort } from '../services/ports.ts'
import { until } from './until.ts'

/** What this needs of opentelemetry-proto, https://github.com/open-telemetry/opentelemetry-proto (trace/v1/trace.proto). */
const PROTO = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  repeated Link links = 13; Status status = 15;
}
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
`
const Request = protobuf.parse(PROTO).root.lookupType('ExportTraceServiceRequest')
const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer']
const ERROR = 2

export interface ReceivedSpan {
  service: string
  traceId: string
  spanId: string
  /** '' for the first of its trace. */
  parentId: string
  name: string
  kind: string
  attributes: Record<string, unknown>
  links: { traceId: string; spanId: string }[]
  failed: boolean
  /** Epoch ms. */
  start: number
  end: number
}

/** What answers an export: takes it, refuses it, or never says a word. */
export type ReceiverMode = 'take' | 'refuse' | 'hang'

/** A collector that keeps what it is sent by OTLP over HTTP with protobuf, decoded by the published schema. */
export interface OtlpReceiver {
  url: string
  spans: ReceivedSpan[]
  /** Everything that was sent, as it came. */
  bodies: Buffer[]
  mode: ReceiverMode
  exports: number
  /** The spans of a trace, once `count` of them fit. */
  trace(traceId: string, enough: (spans: ReceivedSpan[]) => boolean): Promise<ReceivedSpan[]>
  stop(): Promise<void>
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const hanging = new Set<ServerResponse>()
  const server = createServer(async (request, response) => {
    receiver.exports++
    const body = Buffer.concat(await request.toArray())
    if (receiver.mode === 'hang') return void hanging.add(response)
    if (receiver.mode === 'refuse') return void response.writeHead(400).end()
    if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/x-protobuf')
      return void response.writeHead(404).end()
    receiver.bodies.push(body)
    receiver.spans.push(...decode(body))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${port}`,
    spans: [],
    bodies: [],
    mode: 'take',
    exports: 0,
    trace: (traceId, enough) =>
      until(`the spans of trace ${traceId}`, () => {
        const spans = receiver.spans.filter((span) => span.traceId === traceId)
        return enough(spans) && spans
      }),
    async stop() {
      for (const response of hanging) response.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

interface WireSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: WireAttribute[]
  links?: { traceId: string; spanId: string }[]
  status?: { code?: number }
}
interface WireAttribute {
  key: string
  value: Record<string, unknown>
}

function decode(body: Buffer): ReceivedSpan[] {
  const { resourceSpans = [] } = Request.toObject(Request.decode(body), { longs: String, bytes: String }) as {
    resourceSpans?: { resource: { attributes: WireAttribute[] }; scopeSpans: { spans: WireSpan[] }[] }[]
  }
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)['service.name'])
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => toSpan(span, service)))
  })
}

function toSpan(span: WireSpan, service: string): ReceivedSpan {
  return {
    service,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentId: hex(span.parentSpanId ?? ''),
    name: span.name,
    kind: KINDS[span.kind] ?? '',
    attributes: valuesOf(span.attributes ?? []),
    links: (span.links ?? []).map((link) => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
    failed: span.status?.code === ERROR,
    start: Number(BigInt(span.startTimeUnixNano) / 1_000n) / 1_000,
    end: Number(BigInt(span.endTimeUnixNano) / 1_000n) / 1_000,
  }
}

function valuesOf(attributes: readonly WireAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

function hex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex')
}
