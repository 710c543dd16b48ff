import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import type { BeforeHookResult, HookContext } from '@bull-board/api/typings/app'
import { FastifyAdapter } from '@bull-board/fastify'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import { sameSecret } from '@message-center/core/secrets/same-secret.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { answerError } from './errors.ts'
import { createFailureLimit } from './failure-limit.ts'
import { protectPages } from './security-headers.ts'

const PREFIX = '/queues'
/** Wrong passwords a minute from one address. */
const FAILURES_PER_ADDRESS = 60

/**
 * What may be done there besides looking: everything that only says when a job runs. Not: jobs made or rewritten by hand,
 * which could name another tenant's task; nor jobs removed, which the reconciler would only make again.
 */
const ALLOWED_CHANGES = new Set([
  '/api/queues/:queueName/pause',
  '/api/queues/:queueName/resume',
  '/api/queues/:queueName/promote',
  '/api/queues/:queueName/retry/:queueStatus',
  '/api/queues/:queueName/:jobId/retry',
  '/api/queues/:queueName/:jobId/promote',
  '/api/queues/:queueName/job-schedulers/:schedulerId',
  '/api/queues/:queueName/job-schedulers/:schedulerId/run',
])

export interface BullBoardOptions {
  queues: Queues
  registry: ChannelRegistry
  user: string
  password: string
}

/** Bull Board at `/queues`, behind basic auth; a retry there is harmless, for MySQL decides whether a task is still to be sent. */
export async function bullBoardPlugin(app: FastifyInstance, options: BullBoardOptions): Promise<void> {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'public' }
  })
  requirePassword(app, options)
  await protectPages(app, { inlineStyles: true })
  app.addHook('onSend', async (_request, _reply, payload) => withoutForeignFonts(payload))
  const adapter = new FastifyAdapter().setBasePath(PREFIX)
  createBullBoard({
    queues: boardQueues(options),
    serverAdapter: adapter,
    options: {
      uiConfig: { boardTitle: 'Message center' },
      handlerHooks: { before: allowHarmless },
    },
  })
  await app.register(adapter.registerPlugin(), { prefix: PREFIX })
}

/** Every queue of the system in the order of a message's way, named for people. */
function boardQueues({ queues, registry }: BullBoardOptions): BullMQAdapter[] {
  const channels = [...registry.values()].map(({ adapter: { type, displayName } }) => ({
    queue: queues.channel(type),
    displayName: `2 Channel ${type} (${displayName ?? type})`,
    description: 'One job per message and channel config: sends it, retries it',
  }))
  const all = [
    {
      queue: queues.pipeline,
      displayName: '1 Pipeline',
      description: 'One job per group of messages accepted together',
    },
    ...channels,
    {
      queue: queues.results,
      displayName: '3 Results',
      description: 'Asks providers that deliver later than they answer what became of a message',
    },
    {
      queue: queues.callbacks,
      displayName: '4 Callbacks',
      description: 'One job per final status that a callbackUrl is told of',
    },
    { queue: queues.scheduled, displayName: '5 Scheduled', description: 'Recovery and clean-up, by the clock' },
  ]
  return all.map(({ queue, ...names }) => new BullMQAdapter(queue, names))
}

function allowHarmless({ method, route }: HookContext): BeforeHookResult {
  if (method === 'get' || ALLOWED_CHANGES.has(route)) return
  return { allow: false, status: 403, message: 'Jobs are not made, changed or removed by hand here.' }
}

/** The page asks Google for its fonts: slow or barred where this runs, and not Google's business. */
function withoutForeignFonts(payload: unknown): unknown {
  return typeof payload === 'string' ? payload.replace(/<link href="https:\/\/fonts\.[^>]*>/, '') : payload
}

/** Basic auth (RFC 7617). Answers by itself: Bull Board has an error handler of its own. */
function requirePassword(app: FastifyInstance, { user, password }: BullBoardOptions): void {
  const failures = createFailureLimit(app, FAILURES_PER_ADDRESS)
  const check = async (request: FastifyRequest) => {
    await failures.refuseIfExceeded(request)
    if (isRight(request.headers.authorization, user, password)) return
    // A browser's first call has no password yet: it asks for one after this answer.
    if (request.headers.authorization !== undefined) await failures.count(request)
    throw new AppError('UNAUTHORIZED', 'OPS_USER and OPS_PASSWORD are required')
  }
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    try {
      await check(request)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return answerError(error, request, reply.header('www-authenticate', 'Basic realm="queues", charset="UTF-8"'))
    }
  })
}

function isRight(authorization: string | undefined, user: string, password: string): boolean {
  const [, encoded = ''] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '') ?? []
  // One comparison of both: which of the two was wrong stays unknown.
  return sameSecret(Buffer.from(encoded, 'base64').toString('utf8'), `${user}:${password}`)
}
