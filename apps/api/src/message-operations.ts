import { type Actor, recordChanges } from '@message-center/core/audit/record-change.ts'
import { addCallbackJobs } from '@message-center/core/callbacks/callback-jobs.ts'
import type { AdapterLogger, Fetch } from '@message-center/core/channels/adapter.ts'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import type { CandidateSource } from '@message-center/core/configs/candidates.ts'
import type { ConfigChanges } from '@message-center/core/configs/watch-changes.ts'
import type { AuditAction } from '@message-center/core/contracts/audit.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { normalizeId } from '@message-center/core/contracts/ids.ts'
import {
  type CancelResult,
  MAX_REDRIVE,
  type RecallResults,
  type RedriveInput,
  type RedriveResult,
  type RetryInput,
  type RetryResult,
} from '@message-center/core/contracts/message-operations.ts'
import { inTransaction } from '@message-center/core/database/transaction.ts'
import { type Cancellation, cancelMessage } from '@message-center/core/messages/cancel-message.ts'
import { findRetryable } from '@message-center/core/messages/find-retryable.ts'
import { loadMessages } from '@message-center/core/messages/load-messages.ts'
import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import { findMessageRef } from '@message-center/core/messages/queries.ts'
import { recallMessage } from '@message-center/core/messages/recall-message.ts'
import { previewRetry, retryMessages } from '@message-center/core/messages/retry-messages.ts'
import { countRetried, type RetryPlan } from '@message-center/core/messages/retry-plan.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import { wakeReconciler } from '@message-center/core/queues/wake-reconciler.ts'
import type { Cipher } from '@message-center/core/secrets/cipher.ts'
import type { MessageCounts } from '@message-center/core/telemetry/message-counts.ts'
import type { Connection, Pool } from 'mysql2/promise'
import type { WithdrawnTask } from './withdraw-tasks.ts'

/** Who calls, and for which tenant. */
export interface OperatorCall {
  tenantId: string
  actor: Actor
}

export interface MessageOperationDependencies {
  pool: Pool
  registry: ChannelRegistry
  configs: CandidateSource
  changes: Pick<ConfigChanges, 'caughtUp'>
  cipher: Cipher
  queues: Queues
  counts: MessageCounts
  fetch: Fetch
  withdraw(tasks: readonly WithdrawnTask[]): Promise<void>
  /** Aborted when the process stops. */
  stopping: AbortSignal
  /** Redis could not be told; what is due comes a little later. */
  onWakeError(error: unknown): void
}

export type MessageOperations = ReturnType<typeof createMessageOperations>

/** Messages whose rows one transaction locks. */
const REDRIVE_CHUNK = 100
/** Of all provider calls that the recall of one task needs; less than a request may take. */
const RECALL_LIMIT_MS = 25_000

/** What operators do to messages that are there already. */
export function createMessageOperations(deps: MessageOperationDependencies) {
  const { pool, registry, configs, changes, queues, counts } = deps
  const wake = () => wakeReconciler(queues).catch(deps.onWakeError)

  /** @throws AppError NOT_FOUND */
  async function refOf(tenantId: string, messageId: string): Promise<MessageRef> {
    const ref = await findMessageRef(pool, tenantId, messageId)
    return ref ?? notFound(messageId)
  }

  return {
    /** @throws AppError NOT_FOUND where there is no such message, or it has no such task */
    async retry({ tenantId, actor }: OperatorCall, messageId: string, input: RetryInput): Promise<RetryResult> {
      const ref = await refOf(tenantId, messageId)
      const taskIds = input.taskIds?.map((id) => normalizeId(id) ?? String(id))
      const plans = await retryMessages(pool, [ref], { taskIds, cancelledToo: true }, auditRetry(actor))
      if (plans.length > 0) await wake()
      return { retried: sum(plans) }
    },

    async redrive({ tenantId, actor }: OperatorCall, input: RedriveInput): Promise<RedriveResult> {
      const { channelType, errorCode, limit = MAX_REDRIVE, dryRun = false } = input
      const { refs, nextCursor } = await findRetryable(pool, tenantId, { ...input, limit })
      const selection = { channelType, errorCode, cancelledToo: false }
      const result: RedriveResult = { messages: 0, retried: 0, dryRun, nextCursor }
      for (let from = 0; from < refs.length; from += REDRIVE_CHUNK) {
        const chunk = refs.slice(from, from + REDRIVE_CHUNK)
        const plans = dryRun
          ? await previewRetry(pool, chunk, selection)
          : await retryMessages(pool, chunk, selection, auditRetry(actor))
        result.messages += plans.length
        result.retried += sum(plans)
      }
      if (result.messages > 0 && !dryRun) await wake()
      return result
    },

    /** @throws AppError NOT_FOUND */
    async cancel({ tenantId, actor }: OperatorCall, messageId: string): Promise<CancelResult> {
      const [message] = await loadMessages(pool, [await refOf(tenantId, messageId)])
      if (!message) return notFound(messageId)
      await changes.caughtUp(message.changeNumber)
      const cancellation = await cancelMessage(message, await configs.candidates(tenantId, message.storeId), {
        pool,
        channelTypes: [...registry.keys()],
        audit: (connection, done) => auditCancel(connection, actor, done),
      })
      if (!cancellation) return notFound(messageId)
      const { tasks, finished, cancelled } = cancellation
      await deps.withdraw(tasks.map((task) => ({ ...task, tenantId, messageId })))
      for (const { channelType } of tasks) counts.taskFinished({ tenantId, channelType }, 'CANCELLED')
      for (const { status } of finished) counts.finished(tenantId, status)
      const callbacks = finished.flatMap(({ callback }) => callback ?? [])
      if (callbacks.length > 0) await addCallbackJobs(queues, callbacks).catch(deps.onWakeError)
      return { cancelled }
    },

    /** @throws AppError NOT_FOUND */
    async recall({ tenantId, actor }: OperatorCall, messageId: string, logger: AdapterLogger): Promise<RecallResults> {
      const ref = await refOf(tenantId, messageId)
      const tasks = await recallMessage(ref, { ...deps, timeoutMs: RECALL_LIMIT_MS }, logger)
      const results = tasks.map(({ now: _, ...result }) => result)
      if (tasks.some(({ now }) => now)) {
        const change = { ...changeOf('RECALL', ref), before: {}, after: { results } }
        await inTransaction(pool, (connection) => recordChanges(connection, actor, [change]))
      }
      return { results }
    },
  }
}

function notFound(messageId: string): never {
  throw new AppError('NOT_FOUND', `there is no message ${messageId}`, { messageId })
}

function sum(plans: readonly RetryPlan[]): number {
  return plans.reduce((total, plan) => total + countRetried(plan), 0)
}

function changeOf(action: AuditAction, { tenantId, messageId }: MessageRef) {
  return { tenantId, action, objectType: 'MESSAGE' as const, objectId: messageId }
}

function auditRetry(actor: Actor) {
  return (connection: Connection, plans: readonly RetryPlan[]): Promise<void> =>
    recordChanges(
      connection,
      actor,
      plans.map(({ message, resend, rerun, status }) => ({
        ...changeOf('RETRY', message),
        before: { status: message.status, errorCode: message.errorCode },
        after: {
          status: status.status,
          errorCode: status.errorCode,
          sentAgain: resend.map(({ taskId }) => taskId),
          throughPipelineAgain: rerun.map(({ taskId }) => taskId),
        },
      })),
    )
}

function auditCancel(connection: Connection, actor: Actor, done: Cancellation): Promise<void> {
  const { message, tasks, sending, cancelled, finished } = done
  const ids = (list: typeof tasks) => list.map(({ taskId }) => taskId)
  return recordChanges(connection, actor, [
    {
      ...changeOf('CANCEL', message),
      before: { status: message.status },
      after: {
        status: finished[0]?.status ?? message.status,
        cancelled,
        tasks: ids(tasks),
        notTriedAgain: ids(sending),
      },
    },
  ])
}
