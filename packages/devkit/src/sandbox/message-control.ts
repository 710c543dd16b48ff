import type { FastifyInstance } from 'fastify'
import { type MessageFilter, toReceivedMessage } from './received.ts'
import type { SandboxState } from './state.ts'
import { waitForMessages } from './waiting.ts'

const USUAL_LIMIT = 100
const USUAL_WAIT_MS = 10_000
const MOST_WAIT_ITEMS = 1000

const digits = { type: 'string', pattern: '^\\d{1,15}$' }
const filterQuery = {
  provider: { enum: ['dingtalk', 'wecom'] },
  token: { type: 'string' },
  contains: { type: 'string' },
  since: { type: 'string', pattern: '^\\d{1,15}(\\.\\d+)?$' },
  limit: digits,
}
const messagesQuery = { type: 'object', additionalProperties: false, properties: filterQuery }
const waitQuery = {
  ...messagesQuery,
  properties: { ...filterQuery, count: digits, timeoutMs: { type: 'string', pattern: '^\\d{1,6}$' } },
}

interface Query {
  provider?: string
  token?: string
  contains?: string
  since?: string
  limit?: string
  count?: string
  timeoutMs?: string
}

/**
 * What came in: `GET|DELETE /sandbox/messages` (oldest first; `limit`, default 100, keeps the newest),
 * `GET /sandbox/wait` (answers as soon as `count` delivered messages match, or with `satisfied: false` after
 * `timeoutMs`), `GET /sandbox/counters`.
 */
export function mountMessageControl(app: FastifyInstance, state: SandboxState): void {
  app.get<{ Querystring: Query }>('/sandbox/messages', { schema: { querystring: messagesQuery } }, async (request) =>
    state.received.list({ limit: USUAL_LIMIT, ...readFilter(request.query) }).map(toReceivedMessage),
  )

  app.delete('/sandbox/messages', async () => {
    state.received.clear()
    return true
  })

  app.get('/sandbox/counters', async () => state.counters.values())

  app.get<{ Querystring: Query }>('/sandbox/wait', { schema: { querystring: waitQuery } }, async (request, reply) => {
    const filter = readFilter(request.query)
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const { satisfied, count } = await waitForMessages(state.received, filter, {
      count: Number(request.query.count ?? 1),
      timeoutMs: Number(request.query.timeoutMs ?? USUAL_WAIT_MS),
      signal: gone.signal,
    })
    const found = state.received.list({ ...filter, limit: undefined }).filter((message) => message.delivered)
    const items = found.slice(Math.max(0, found.length - (filter.limit ?? MOST_WAIT_ITEMS))).map(toReceivedMessage)
    return { satisfied, count, items }
  })
}

function readFilter({ provider, token, contains, since, limit }: Query): MessageFilter {
  const filter: MessageFilter = { provider, token, contains }
  if (since !== undefined) filter.since = Number(since)
  if (limit !== undefined) filter.limit = Number(limit)
  return filter
}
