import { isDatabaseUnavailable } from '@message-center/core/database/unavailable.ts'
import { createBatcher } from '@message-center/core/messages/batcher.ts'
import {
  type ClaimedTask,
  type ClaimRequest,
  claimTasks,
  type TaskRef,
} from '@message-center/core/messages/claim-tasks.ts'
import { lookAtTasks, type TaskStanding } from '@message-center/core/messages/look-at-tasks.ts'
import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import { type FinishedMessage, finishMessages } from '@message-center/core/messages/message-status.ts'
import { type Postponement, postponeTasks } from '@message-center/core/messages/postpone-tasks.ts'
import { recordOutcomes, type TaskOutcome } from '@message-center/core/messages/record-outcomes.ts'
import { saveProgress, type TaskProgress } from '@message-center/core/messages/save-progress.ts'
import type { Pool } from 'mysql2/promise'
import { persistently } from '../persistently.ts'

/** An outcome with the message whose status may follow from it. */
export type RecordedOutcome = TaskOutcome & { ref: MessageRef }

/** Everything the deliveries of a process write, batched: what comes while one statement runs goes into the next. */
export interface TaskWriter {
  /** Where a task stands; nothing is changed. */
  look(task: TaskRef): Promise<TaskStanding | undefined>
  claim(request: ClaimRequest): Promise<ClaimedTask | undefined>
  /** Resolves when the outcome is committed. The message's status follows on its own. */
  record(outcome: RecordedOutcome): Promise<void>
  postpone(postponement: Postponement): Promise<void>
  /** Resolves when the progress is committed. */
  saveProgress(progress: TaskProgress): Promise<void>
  /** Resolves when everything is written. */
  drain(): Promise<void>
}

export interface TaskWriterDependencies {
  pool: Pool
  channelOrder(channelType: string): number
  onFinished(messages: FinishedMessage[]): void
  onError(error: unknown, what: string): void
  /** Told how many share a statement. */
  onBatch?(batch: 'claim' | 'outcome' | 'finish', items: number): void
}

const MAX_BATCH = 500

export function createTaskWriter(deps: TaskWriterDependencies): TaskWriter {
  const { pool, channelOrder, onFinished, onError, onBatch } = deps
  const onUnavailable = (error: unknown) => onError(error, 'task outcome')
  const looks = createBatcher<TaskRef, TaskStanding | undefined>({
    maxItems: MAX_BATCH,
    flush: (tasks) => lookAtTasks(pool, tasks),
  })
  const claims = createBatcher<ClaimRequest, ClaimedTask | undefined>({
    maxItems: MAX_BATCH,
    flush(requests) {
      onBatch?.('claim', requests.length)
      return claimTasks(pool, requests)
    },
  })
  const finishing = createBatcher<MessageRef, void>({
    maxItems: MAX_BATCH,
    async flush(refs) {
      onBatch?.('finish', refs.length)
      const unique = new Map(refs.map((ref) => [`${ref.tenantId} ${ref.messageId}`, ref]))
      onFinished(await finishMessages(pool, [...unique.values()], channelOrder))
      return refs.map(() => undefined)
    },
  })
  const outcomes = createBatcher<RecordedOutcome, void>({
    maxItems: MAX_BATCH,
    isolates: (error) => !isDatabaseUnavailable(error),
    async flush(batch) {
      onBatch?.('outcome', batch.length)
      await persistently(() => recordOutcomes(pool, batch), onUnavailable)
      for (const { status, ref } of batch) {
        // One that is to be tried again may be the last of a cancelled message: then it has ended.
        if (status === 'PENDING') continue
        // What fails here is not lost: the reconciler finishes messages whose tasks are all final.
        finishing.add(ref).catch((error) => onError(error, 'message status'))
      }
      return batch.map(() => undefined)
    },
  })
  const postponements = createBatcher<Postponement, void>({
    maxItems: MAX_BATCH,
    async flush(batch) {
      await postponeTasks(pool, batch)
      return batch.map(() => undefined)
    },
  })

  const progress = createBatcher<TaskProgress, void>({
    maxItems: MAX_BATCH,
    async flush(batch) {
      await persistently(() => saveProgress(pool, batch), onUnavailable)
      return batch.map(() => undefined)
    },
  })

  return {
    look: (task) => looks.add(task),
    claim: (request) => claims.add(request),
    record: (outcome) => outcomes.add(outcome),
    postpone: (postponement) => postponements.add(postponement),
    saveProgress: (saved) => progress.add(saved),
    async drain() {
      await Promise.all([claims.drain(), outcomes.drain(), postponements.drain(), progress.drain()])
      await finishing.drain()
    },
  }
}
