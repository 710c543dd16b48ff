import { randomUUID } from 'node:crypto'
import { dispatchMessages, type PlannedMessage, type PlannedTask } from '@message-center/core/messages/dispatch.ts'
import { insertMessages, type NewMessage } from '@message-center/core/messages/insert-messages.ts'
import { type MessageRef, toDatetime } from '@message-center/core/messages/message-ref.ts'
import type { Pool } from 'mysql2/promise'

/** Stores PENDING messages as accepting them would, but without jobs in Redis; `fields` replace or add. */
export async function storePending(pool: Pool, count: number, fields: Partial<NewMessage> = {}): Promise<MessageRef[]> {
  const flushId = randomUUID()
  const acceptedAt = new Date()
  const rows = Array.from(
    { length: count },
    (_, index): NewMessage => ({
      tenantId: '1',
      messageId: `${flushId}-${index}`,
      storeId: null,
      businessType: 'ORDER',
      businessDataText: JSON.stringify({ orderNo: String(index), userId: 'u1' }),
      attributesText: null,
      targetChannels: null,
      priority: 5,
      sendAt: null,
      expiresAt: null,
      wantsCallback: false,
      contentHash: '0'.repeat(64),
      acceptedAt,
      createTime: toDatetime(acceptedAt),
      jobId: `f${flushId}`,
      ...fields,
    }),
  )
  await insertMessages(pool, rows, flushId)
  return rows.map(({ tenantId, messageId, createTime }) => ({ tenantId, messageId, createTime }))
}

/** What the pipeline would have decided: one LOCAL task, to be sent at once; `tasks` replaces it. */
export function planned(ref: MessageRef, tasks: Partial<PlannedTask>[] = [{}]): PlannedMessage {
  const plain: PlannedTask = {
    channelType: 'LOCAL',
    configId: '1',
    messageType: 'TEXT',
    renderedContent: 'hello',
    recipients: { userIds: ['u1'], mobiles: [], all: false },
    maxRetry: 3,
    notBefore: null,
    failure: null,
  }
  return {
    ...ref,
    revision: 0,
    rerunChannels: null,
    failure: null,
    steps: [],
    dispatchStartedAt: Date.now(),
    tasks: tasks.map((fields) => ({ ...plain, ...fields })),
  }
}

/** Stores messages with one task each that waits to be sent, without jobs in Redis. */
export async function storeDispatched(pool: Pool, count: number): Promise<(MessageRef & { taskId: string })[]> {
  const refs = await storePending(pool, count)
  const results = await dispatchMessages(
    pool,
    refs.map((ref) => planned(ref)),
  )
  return refs.map((ref, index) => {
    const result = results[index]
    const taskId = result?.dispatched ? result.tasks[0]?.taskId : undefined
    if (taskId === undefined) throw new Error(`message ${ref.messageId} was not dispatched`)
    return { ...ref, taskId }
  })
}
