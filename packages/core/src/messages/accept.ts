import type { Pool } from 'mysql2/promise'
import { v4 as uuidv4 } from 'uuid'
import type { Caller } from '../contracts/caller.ts'
import { AppError } from '../contracts/errors.ts'
import { isDatabaseUnavailable } from '../database/unavailable.ts'
import type { Queues } from '../queues/queues.ts'
import { createBatcher } from './batcher.ts'
import { assignJobs, enqueueMessages } from './enqueue.ts'
import { insertMessages, type NewMessage } from './insert-messages.ts'
import { type MessageRules, type ValidMessage, validateMessage } from './message-validation.ts'

/** What became of one message that was handed in. `new` and `same` are successes. */
export interface Accepted {
  outcome: 'new' | 'same'
  tenantId: string
  messageId: string
}

/** Where a message that is handed in belongs in the traces. */
export interface TraceOrigin {
  /** Kept with the message; without it, its way is not traced. */
  traceparent?: string | undefined
  /** It is one of many of its request: it gets a trace of its own. */
  ofBatch?: boolean
}

export interface AcceptorDependencies {
  pool: Pool
  queues: Queues
  rules: MessageRules
  /** A flush that could not be put on the queue; the reconciler will do it. */
  onEnqueueError(error: unknown, messages: number): void
  /** Told of the messages that a group commit wrote, and how long it took. */
  onFlush?(messages: readonly NewMessage[], seconds: number): void
}

export interface Acceptor {
  /**
   * Validates and stores one message; resolves once it is committed, whatever the state of Redis.
   * @throws AppError what the caller is told: validation, FORBIDDEN, MESSAGE_ID_CONFLICT, UNAVAILABLE
   */
  accept(body: unknown, caller: Caller, origin?: TraceOrigin): Promise<Accepted>
  /** Messages waiting for a commit. */
  depth(): number
  /** Resolves when everything handed in has been answered and enqueued. */
  close(): Promise<void>
}

/** new: written now · same: this id with this content was written before · conflict: with other content. */
type Outcome = Accepted['outcome'] | 'conflict'
type FlushResult = Outcome | { error: unknown }

/** Rows of one transaction: enough to spread the cost of a commit, few enough to keep it short. */
const MAX_FLUSH = 500
/** While one commits, the text of the next can be made and its rows be written. */
const FULL_FLUSHES_AT_ONCE = 2
const MAX_FLUSH_BYTES = 4 * 1024 * 1024
/** Messages whose jobs Redis has not taken yet; beyond, a Redis that is slow or hangs gets no more to remember. */
const MAX_ENQUEUEING = 5_000

/**
 * Durable acceptance by group commit: what arrives while a commit is under way shares the next one; an idle call waits
 * for nobody. The one entry for REST, batch and RPC.
 */
export function createAcceptor({ pool, queues, rules, onEnqueueError, onFlush }: AcceptorDependencies): Acceptor {
  // Nobody waits for Redis: the next flush commits meanwhile, and what Redis does not take the reconciler enqueues.
  const enqueueing = new Set<Promise<void>>()
  let messagesEnqueueing = 0

  async function enqueue(messages: NewMessage[]): Promise<void> {
    messagesEnqueueing += messages.length
    try {
      if (messagesEnqueueing > MAX_ENQUEUEING) throw new Error(`Redis has not taken ${MAX_ENQUEUEING} messages yet`)
      await enqueueMessages(queues, messages)
    } catch (error) {
      onEnqueueError(error, messages.length)
    } finally {
      messagesEnqueueing -= messages.length
    }
  }

  async function flush(messages: ValidMessage[]): Promise<Outcome[]> {
    const startedAt = performance.now()
    const flushId = uuidv4()
    const firsts = firstOfEachId(messages)
    const rows = assignJobs([...firsts.values()], flushId, new Date())
    const stored = await insertMessages(pool, rows, flushId)
    const seconds = (performance.now() - startedAt) / 1_000
    const fresh = rows.filter((_, index) => stored[index]?.isNew)
    const added = enqueue(fresh).finally(() => enqueueing.delete(added))
    enqueueing.add(added)
    onFlush?.(fresh, seconds)
    const keys = new Map([...firsts.keys()].map((id, index) => [id, stored[index]]))
    return messages.map((message) => {
      const key = keys.get(idOf(message))
      if (key?.isNew && firsts.get(idOf(message)) === message) return 'new'
      return key?.contentHash === message.contentHash ? 'same' : 'conflict'
    })
  }

  const batcher = createBatcher<ValidMessage, FlushResult>({
    maxItems: MAX_FLUSH,
    concurrencyWhenFull: FULL_FLUSHES_AT_ONCE,
    maxBytes: MAX_FLUSH_BYTES,
    holderOf: ({ tenantId }) => tenantId,
    // Where numbers are delicate the data is stored twice (insert-messages.ts).
    sizeOf: ({ businessDataText, attributesText }) =>
      2 * Buffer.byteLength(businessDataText) + Buffer.byteLength(attributesText ?? '') + 200,
    flush: (messages) => flush(messages).catch((error) => separately(error, messages, flush)),
  })

  return {
    async accept(body, caller, origin) {
      const message = await validateMessage(body, caller, rules)
      const { tenantId, messageId } = message
      if (origin?.traceparent) message.traceparent = origin.traceparent
      const outcome = await batcher.add(message).catch((error) => {
        throw asAppError(error, messageId)
      })
      if (typeof outcome === 'object') throw asAppError(outcome.error, messageId)
      if (outcome === 'conflict') {
        throw new AppError('MESSAGE_ID_CONFLICT', `message ${messageId} exists with other content`, { messageId })
      }
      return { outcome, tenantId, messageId }
    },
    depth: () => batcher.depth(),
    async close() {
      await batcher.drain()
      await Promise.all(enqueueing)
    },
  }
}

/** Within one flush the first message of an id is the one that is written, should the id be free. */
function firstOfEachId(messages: readonly ValidMessage[]): Map<string, ValidMessage> {
  const firsts = new Map<string, ValidMessage>()
  for (const message of messages) if (!firsts.has(idOf(message))) firsts.set(idOf(message), message)
  return firsts
}

function idOf({ tenantId, messageId }: ValidMessage): string {
  return `${tenantId} ${messageId}`
}

/** One row that the database refuses must not fail the others of its flush: each is tried alone. */
async function separately(
  error: unknown,
  messages: ValidMessage[],
  flush: (messages: ValidMessage[]) => Promise<Outcome[]>,
): Promise<FlushResult[]> {
  if (messages.length === 1 || isDatabaseUnavailable(error)) throw error
  const results: FlushResult[] = []
  for (const message of messages) {
    results.push(
      await flush([message]).then(
        ([outcome]) => outcome ?? 'conflict',
        (reason) => ({ error: reason }),
      ),
    )
  }
  return results
}

function asAppError(error: unknown, messageId: string): unknown {
  if (!isDatabaseUnavailable(error)) return error
  const extras = { messageId, retryAfterSeconds: 1 }
  return new AppError('UNAVAILABLE', 'the message could not be stored just now; send it again', extras, {
    cause: error,
  })
}
