import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Effect, effectOf, worksDespite } from './faults.ts'
import { type Answer, type Provider, type ProviderCall, readCall } from './provider-call.ts'
import { type MessageRecord, NOBODY } from './received.ts'
import type { SandboxState } from './state.ts'

/** What is known of a message before any check: enough to record one that a fault has swallowed. */
export type MessageNames = Pick<MessageRecord, 'mode' | 'key' | 'msgtype'>

/** What the provider made of a message; left out = nothing of the kind. */
export type MessageOutcome = Partial<
  Pick<MessageRecord, 'delivered' | 'duplicate' | 'dropped' | 'recipients' | 'truncated' | 'messageId' | 'body'>
>

export interface RouteResult {
  answer: Answer
  message?: MessageOutcome
}

/** One path of a provider. Routes with `describe` receive messages, and each of their calls is recorded. */
export interface ProviderRoute {
  provider: Provider
  method: 'GET' | 'POST'
  /** The provider's own path, Fastify syntax. */
  path: string
  describe?(call: ProviderCall, state: SandboxState): MessageNames
  handle(call: ProviderCall, state: SandboxState): RouteResult
}

/** Puts a provider path on the server, under `/<provider>` and bare: the two providers' paths do not collide. */
export function mountRoute(app: FastifyInstance, state: SandboxState, route: ProviderRoute): void {
  const handler = (request: FastifyRequest, reply: FastifyReply) => {
    const call = readCall(request, route.provider, route.path, state.now())
    state.counters.countCall(route.path)
    const fault = state.faults.take(call)
    const names = route.describe?.(call, state)
    const result = fault === undefined || worksDespite(fault) ? route.handle(call, state) : undefined
    const effect = fault === undefined ? usualEffect(result?.answer) : effectOf(fault, result?.answer)
    if (names !== undefined) recordMessage(state, call, names, { outcome: result?.message, effect, fault: fault?.kind })
    respond(request, reply, effect, state.settings.latencyMs)
  }
  for (const prefix of ['', `/${route.provider}`]) {
    app.route({ method: route.method, url: `${prefix}${route.path}`, handler })
  }
}

function usualEffect(answer: Answer | undefined): Effect {
  return answer === undefined ? { kind: 'silence' } : { kind: 'answer', answer, delayMs: 0 }
}

function recordMessage(
  state: SandboxState,
  call: ProviderCall,
  names: MessageNames,
  { outcome, effect, fault }: { outcome: MessageOutcome | undefined; effect: Effect; fault: string | undefined },
): void {
  const message: MessageRecord = {
    at: call.at,
    clientPort: call.port,
    provider: call.provider,
    ...names,
    body: outcome?.body ?? call.text,
    recipients: outcome?.recipients ?? NOBODY,
    answer: seenAnswer(effect),
    delivered: outcome?.delivered ?? false,
    duplicate: outcome?.duplicate ?? false,
    dropped: outcome?.dropped ?? false,
    truncated: outcome?.truncated ?? [],
    fault,
    messageId: outcome?.messageId,
  }
  state.received.record(message)
  state.counters.countMessage(message)
}

function seenAnswer(effect: Effect): MessageRecord['answer'] {
  if (effect.kind === 'answer') return { status: effect.answer.status, errcode: effect.answer.errcode }
  return effect.kind === 'huge' ? { status: 200, errcode: 0 } : { status: 0, errcode: null }
}

function respond(request: FastifyRequest, reply: FastifyReply, effect: Effect, latencyMs: number): void {
  switch (effect.kind) {
    case 'silence':
      reply.hijack()
      return
    case 'drop':
      reply.hijack()
      request.raw.socket.destroy()
      return
    case 'huge':
      reply.type('application/json').send(Readable.from(hugeOk(effect.bytes)))
      return
    case 'answer':
      sendLater(reply, effect.answer, latencyMs + effect.delayMs)
  }
}

function sendLater(reply: FastifyReply, answer: Answer, delayMs: number): void {
  if (delayMs === 0) {
    sendAnswer(reply, answer)
    return
  }
  const timer = setTimeout(sendAnswer, delayMs, reply, answer)
  reply.raw.once('close', () => clearTimeout(timer))
}

function sendAnswer(reply: FastifyReply, answer: Answer): void {
  reply.code(answer.status).type(answer.contentType ?? 'application/json; charset=utf-8')
  if (answer.headers !== undefined) reply.headers(answer.headers)
  reply.send(answer.body)
}

/** Made piece by piece: a client that hangs up early must not cost the memory of the whole. */
function* hugeOk(bytes: number): Generator<Buffer> {
  const piece = Buffer.alloc(64 * 1024, 'x')
  yield Buffer.from('{"errcode":0,"errmsg":"')
  for (let left = bytes; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length))
  yield Buffer.from('"}')
}
