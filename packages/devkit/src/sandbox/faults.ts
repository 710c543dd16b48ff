import type { Answer, Provider, ProviderCall } from './provider-call.ts'
import { jsonAnswer } from './provider-call.ts'
import type { Tokens } from './tokens.ts'

/** Which calls a fault hits; every field that is given must match. */
export interface FaultMatch {
  provider?: Provider
  /** Robot token or key, access token, app key, corp id or agent id. */
  token?: string
  /** The same as `token`. */
  key?: string
  /** A part of the provider's path, e.g. `asyncsend_v2`. */
  path?: string
  contentIncludes?: string
}

/** What goes wrong. `deliver`: the message counts as received all the same; the default is that it is lost. */
export type Fault = { deliver?: boolean } & (
  | { kind: 'errcode'; errcode: number; errmsg?: string }
  | { kind: 'http'; status: number; body?: string; headers?: Record<string, string> }
  /** Takes the request and never answers, or after `ms`: as usual when delivered, else with -1. */
  | { kind: 'hang'; ms?: number }
  | { kind: 'drop' }
  /** HTTP 200 with the HTML ban page, the JSON ban answer, or half a JSON. */
  | { kind: 'garbage'; form?: 'ban-page' | 'ban-json' | 'broken-json' }
  /** Everything as usual, only `ms` late. */
  | { kind: 'slow'; ms: number }
  | { kind: 'redirect'; location: string }
  /** A correct "ok" of at least `bytes` bytes. */
  | { kind: 'huge'; bytes: number }
)

export interface FaultRule {
  match?: FaultMatch
  fault: Fault
  /** How often; unlimited by default. */
  times?: number
  /** 0..1, 1 by default. */
  probability?: number
}

export interface Faults {
  add(rule: FaultRule): string
  /** The first rule that matches the call; uses up one of its times. */
  take(call: ProviderCall): Fault | undefined
  remove(id: string): boolean
  list(): (FaultRule & { id: string })[]
  clear(): void
}

/** What the client gets to see of a fault. */
export type Effect =
  | { kind: 'answer'; answer: Answer; delayMs: number }
  | { kind: 'silence' }
  | { kind: 'drop' }
  | { kind: 'huge'; bytes: number }

/** Creates an empty list of faults. */
export function createFaults(tokens: Tokens): Faults {
  const rules = new Map<string, FaultRule>()
  let sequence = 0
  return {
    add(rule) {
      sequence += 1
      const id = `f${sequence}`
      rules.set(id, { ...rule })
      return id
    },
    take(call) {
      for (const [id, rule] of rules) {
        if (!matchesCall(rule.match ?? {}, call, tokens)) continue
        if (rule.probability !== undefined && Math.random() >= rule.probability) continue
        if (rule.times !== undefined) rule.times -= 1
        if (rule.times === 0) rules.delete(id)
        return rule.fault
      }
    },
    remove: (id) => rules.delete(id),
    list: () => [...rules].map(([id, rule]) => ({ id, ...rule })),
    clear: () => rules.clear(),
  }
}

/** True where the provider does its usual work in spite of the fault. */
export function worksDespite(fault: Fault): boolean {
  return fault.kind === 'slow' || fault.deliver === true
}

/** Turns a fault into what happens on the wire; `usual` is the answer without it, where the work was done. */
export function effectOf(fault: Fault, usual: Answer | undefined): Effect {
  switch (fault.kind) {
    case 'errcode':
      return answered(jsonAnswer({ errcode: fault.errcode, errmsg: fault.errmsg ?? 'fault of the sandbox' }))
    case 'http':
      return answered({
        status: fault.status,
        errcode: null,
        body: fault.body ?? '',
        contentType: 'text/plain; charset=utf-8',
        headers: fault.headers,
      })
    case 'hang':
      if (fault.ms === undefined) return { kind: 'silence' }
      return answered(usual ?? BUSY, fault.ms)
    case 'drop':
      return { kind: 'drop' }
    case 'garbage':
      return answered(GARBAGE[fault.form ?? 'ban-page'])
    case 'slow':
      return answered(usual ?? BUSY, fault.ms)
    case 'redirect':
      return answered({ status: 302, errcode: null, body: '', headers: { location: fault.location } })
    case 'huge':
      return { kind: 'huge', bytes: fault.bytes }
  }
}

const BUSY = jsonAnswer({ errcode: -1, errmsg: 'system busy' })

const GARBAGE: Record<'ban-page' | 'ban-json' | 'broken-json', Answer> = {
  'ban-page': {
    status: 200,
    errcode: null,
    body: '<!doctype html><html><head><title>405</title></head><body><h1>Access denied</h1><p>Your IP address is blocked.</p></body></html>',
    contentType: 'text/html; charset=utf-8',
  },
  'ban-json': { status: 200, errcode: null, body: '{"status":1111,"wait":5,"source":"x5","punish":"deny"}' },
  'broken-json': { status: 200, errcode: null, body: '{"errcode":0,"errm' },
}

function answered(answer: Answer, delayMs = 0): Effect {
  return { kind: 'answer', answer, delayMs }
}

function matchesCall(match: FaultMatch, call: ProviderCall, tokens: Tokens): boolean {
  if (match.provider !== undefined && match.provider !== call.provider) return false
  if (match.path !== undefined && !call.path.includes(match.path)) return false
  if (match.contentIncludes !== undefined && !containsText(call.text, match.contentIncludes)) return false
  const wanted = match.token ?? match.key
  return wanted === undefined || namesOf(call, tokens).includes(wanted)
}

function containsText(body: string, needle: string): boolean {
  return body.includes(needle) || body.includes(JSON.stringify(needle).slice(1, -1))
}

/** All names under which the sender of a call may be known. */
function namesOf(call: ProviderCall, tokens: Tokens): (string | undefined)[] {
  const { access_token: accessToken, key, appkey, corpid } = call.query
  const account = accessToken === undefined ? undefined : tokens.holder(call.provider, accessToken)?.account
  const agentId = /"?agent_?id"?\s*[:=]\s*"?(\d+)/.exec(call.text)?.[1]
  const appKey = /"(?:appKey|client_id)"\s*:\s*"([^"]+)"/.exec(call.text)?.[1]
  return [accessToken, key, appkey, corpid, account, agentId, appKey]
}
