import type { Queue } from 'bullmq'
import type { Pool } from 'mysql2/promise'
import { v4 as uuidv4 } from 'uuid'
import type { Caller } from '../contracts/caller.ts'
import { AppError } from '../contracts/errors.ts'
import { isDatabaseUnavailable } from '../database/unavailable.ts'
import { createBatcher } from './batcher.ts'
import { assignJobs, enqueueMessages } from './enqueue.ts'
import { type InsertOutcome, insertMessages } from './insert-messages.ts'
import { type MessageRules, type ValidMessage, validateMessage } from './message-validation.ts'

/** What became of one message that was handed in. `new` and `same` are successes. */
export interface Accepted {
  outcome: 'new' | 'same'
  messageId: string
}

export interface AcceptorDependencies {
  pool: Pool
  pipeline: Queue
  rules: MessageRules
  /** A flush that could not be put on the queue; the reconciler will do it. */
  onEnqueueError(error: unknown, messages: number): void
  onFlush?(messages: number): void
}

export interface Acceptor {
  /**
   * Validates and stores one message; resolves once it is committed, whatever the state of Redis.
   * @throws AppError what the caller is told: validation, FORBIDDEN, MESSAGE_ID_CONFLICT, UNAVAILABLE
   */
  accept(body: unknown, caller: Caller): Promise<Accepted>
  /** Messages waiting for a commit. */
  depth(): number
  /** Resolves when everything handed in has been answered and enqueued. */
  close(): Promise<void>
}

type FlushResult = InsertOutcome | { error: unknown }

/** Rows of one transaction: enough to spread the cost of a commit, few enough to keep it short. */
const MAX_FLUSH = 500
const MAX_FLUSH_BYTES = 4 * 1024 * 1024

/**
 * Durable acceptance by group commit: what arrives while a commit is under way shares the next one; an idle call waits
 * for nobody. The one entry for REST, batch and RPC.
 */
export function createAcceptor({ pool, pipeline, rules, onEnqueueError, onFlush }: AcceptorDependencies): Acceptor {
  // The previous flush's jobs are added while the next one commits; not more than one flush lags behind.
  let enqueued: Promise<void> = Promise.resolve()

  async function flush(messages: ValidMessage[]): Promise<InsertOutcome[]> {
    await enqueued
    const flushId = uuidv4()
    const { unique, outcomeOf } = withoutRepetitions(messages)
    const rows = assignJobs(unique, flushId, new Date())
    const outcomes = await insertMessages(pool, rows, flushId)
    const fresh = rows.filter((_, index) => outcomes[index] === 'new')
    enqueued = enqueueMessages(pipeline, fresh).catch((error) => onEnqueueError(error, fresh.length))
    onFlush?.(fresh.length)
    return messages.map((_, index) => outcomeOf(index, outcomes))
  }

  const batcher = createBatcher<ValidMessage, FlushResult>({
    maxItems: MAX_FLUSH,
    maxBytes: MAX_FLUSH_BYTES,
    sizeOf: (message) => message.businessDataText.length + (message.attributesText?.length ?? 0) + 200,
    flush: (messages) => flush(messages).catch((error) => separately(error, messages, flush)),
  })

  return {
    async accept(body, caller) {
      const message = await validateMessage(body, caller, rules)
      const { messageId } = message
      const outcome = await batcher.add(message).catch((error) => {
        throw asAppError(error, messageId)
      })
      if (typeof outcome === 'object') throw asAppError(outcome.error, messageId)
      if (outcome === 'conflict') {
        throw new AppError('MESSAGE_ID_CONFLICT', `message ${messageId} exists with other content`, { messageId })
      }
      return { outcome, messageId }
    },
    depth: () => batcher.depth(),
    async close() {
      await batcher.drain()
      await enqueued
    },
  }
}

/** Folds repetitions of an id within one flush; the first one stands for all of the same content. */
function withoutRepetitions(messages: ValidMessage[]) {
  const firsts = new Map<string, number>()
  const unique: ValidMessage[] = []
  const positions = messages.map((message) => {
    const key = `${message.tenantId} ${message.messageId}`
    const first = firsts.get(key)
    if (first !== undefined) return { index: first, repeated: true }
    firsts.set(key, unique.push(message) - 1)
    return { index: unique.length - 1, repeated: false }
  })
  const outcomeOf = (at: number, outcomes: InsertOutcome[]): InsertOutcome => {
    const position = positions[at]
    const outcome = outcomes[position?.index ?? -1] ?? 'conflict'
    if (!position?.repeated) return outcome
    const sameContent = unique[position.index]?.contentHash === messages[at]?.contentHash
    if (outcome === 'conflict') return 'conflict'
    return sameContent ? 'same' : 'conflict'
  }
  return { unique, outcomeOf }
}

/** One row that the database refuses must not fail the others of its flush: each is tried alone. */
async function separately(
  error: unknown,
  messages: ValidMessage[],
  flush: (messages: ValidMessage[]) => Promise<InsertOutcome[]>,
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
