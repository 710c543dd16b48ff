import type { FastifyRequest } from 'fastify'

export type Provider = 'dingtalk' | 'wecom'

/** One HTTP call of a client, read once: what every provider path decides on. */
export interface ProviderCall {
  provider: Provider
  /** The provider's own path, without our prefix and without the query. */
  path: string
  query: Record<string, string | undefined>
  contentType: string
  /** Size of the body as it came over the wire. */
  bytes: number
  text: string
  /** The parsed body; undefined where it is not JSON. */
  json: unknown
  /** Arrival of the whole request, epoch milliseconds with fraction. */
  at: number
  ip: string
  port: number | undefined
}

/** An answer in the provider's words; `errcode` is null where the answer carries none. */
export interface Answer {
  status: number
  errcode: number | null
  body: string
  contentType?: string
  headers?: Record<string, string>
}

/** Why a provider says no. */
export interface Refusal {
  errcode: number
  errmsg: string
}

/** Turns an object into an answer; its `errcode` (if a number) is what the counters see. */
export function jsonAnswer(body: Record<string, unknown>, status = 200): Answer {
  return { status, errcode: typeof body.errcode === 'number' ? body.errcode : null, body: JSON.stringify(body) }
}

export const OK: Answer = jsonAnswer({ errcode: 0, errmsg: 'ok' })

/** Reads a Fastify request whose body is still raw bytes (see app.ts). */
export function readCall(request: FastifyRequest, provider: Provider, path: string, at: number): ProviderCall {
  const body = Buffer.isBuffer(request.body) ? request.body : undefined
  const text = body?.toString('utf8') ?? ''
  return {
    provider,
    path,
    query: readQuery(request.query),
    contentType: request.headers['content-type'] ?? '',
    bytes: body?.length ?? 0,
    text,
    json: parseJson(text),
    at,
    ip: request.ip,
    port: request.socket.remotePort,
  }
}

/** The value as an object with keys, or undefined for anything else (arrays too). */
export function asRecord(value: unknown): Record<string, unknown> | undefined {
  return isRecord(value) ? value : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True for `application/json`, with or without `charset=utf-8`. */
export function isJsonContentType(contentType: string): boolean {
  return /^application\/json\s*(;\s*charset=("?)utf-?8\2\s*)?$/i.test(contentType)
}

function parseJson(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: each provider has its own words for that, so the caller decides.
    return undefined
  }
}

function readQuery(query: unknown): Record<string, string | undefined> {
  const fields: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(asRecord(query) ?? {})) {
    const first: unknown = Array.isArray(value) ? value[0] : value
    if (typeof first === 'string') fields[name] = first
  }
  return fields
}
