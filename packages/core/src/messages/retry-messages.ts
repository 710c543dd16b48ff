import type { Pool, PoolConnection } from 'mysql2/promise'
import { inTransaction } from '../database/transaction.ts'
import { compareIds } from './claim-tasks.ts'
import { lockMessages } from './lock-messages.ts'
import { compareRefs, type MessageRef, toDatetime, toDatetimeMs } from './message-ref.ts'
import { planRetry, type RetryPlan, type RetrySelection } from './retry-plan.ts'
import { withSteps } from './trace-steps.ts'

/**
 * Has failed tasks tried again, all of these messages in one transaction, under their row locks: of several calls at once
 * one finds them failed. Only MySQL is told; the reconciler gives what is due a job (docs/adr/0012).
 * @param audit notes in the same transaction what was done
 * @returns what was tried again, by message
 */
export function retryMessages(
  pool: Pool,
  refs: readonly MessageRef[],
  selection: RetrySelection,
  audit: (connection: PoolConnection, plans: readonly RetryPlan[]) => Promise<void>,
): Promise<RetryPlan[]> {
  return inTransaction(pool, async (connection) => {
    const messages = await lockMessages(connection, refs)
    const plans = messages.flatMap((message) => planRetry(message, selection) ?? [])
    if (plans.length === 0) return []
    const now = new Date()
    await reopenTasks(connection, plans, now)
    await reopenMessages(connection, plans, now)
    await audit(connection, plans)
    return plans
  })
}

/** What `retryMessages` would do. */
export async function previewRetry(
  pool: Pool,
  refs: readonly MessageRef[],
  selection: RetrySelection,
): Promise<RetryPlan[]> {
  const connection = await pool.getConnection()
  try {
    const messages = await lockMessages(connection, refs, { lock: false })
    return messages.flatMap((message) => planRetry(message, selection) ?? [])
  } finally {
    connection.release()
  }
}

/** A message that was cancelled long before its `sendAt` waits for it as it would have. */
function dueTime({ message: { sendAt } }: RetryPlan, now: Date): Date {
  return sendAt && sendAt > now ? sendAt : now
}

async function reopenTasks(connection: PoolConnection, plans: readonly RetryPlan[], now: Date): Promise<void> {
  const rows = plans.flatMap((plan) => {
    const due = dueTime(plan, now)
    const next = due > now ? toDatetime(due) : null
    return [...plan.resend, ...plan.rerun].map((task) => ({ task, plan, next }))
  })
  if (rows.length === 0) return
  const parameter = rows
    .sort((a, b) => compareIds(a.task.taskId, b.task.taskId))
    .map(({ task, plan, next }) => [
      task.taskId,
      plan.message.createTime,
      plan.rerun.includes(task) ? 1 : 0,
      next,
      toDatetimeMs(now),
    ])
  await connection.query(REOPEN_TASKS, [JSON.stringify(parameter)])
}

// Of another generation, so that a job that is just ending does not pass for the one that the task needs.
const REOPEN_TASKS = `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', c DATETIME PATH '$[1]', rerun INT PATH '$[2]',
    next DATETIME PATH '$[3]', at DATETIME(3) PATH '$[4]')) AS j
  STRAIGHT_JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = j.id AND k.create_time = j.c
  SET k.status = 'PENDING', k.rendered_content = IF(j.rerun = 1, NULL, k.rendered_content), k.retry_count = 0,
    k.next_retry_time = j.next, k.error_code = NULL, k.result_message = NULL, k.finish_time = NULL,
    k.generation = k.generation + 1, k.cancelled = 0, k.retried_at = j.at, k.interruptions = 0, k.crashes = 0
  WHERE k.status = 'FAILED'`

async function reopenMessages(connection: PoolConnection, plans: readonly RetryPlan[], now: Date): Promise<void> {
  const parameter = plans
    .toSorted((a, b) => compareRefs(a.message, b.message))
    .map((plan) => {
      const { message, rerun, status } = plan
      const channels = [...new Set([...message.rerunChannels, ...rerun.map(({ channelType }) => channelType)])]
      return [
        message.tenantId,
        message.messageId,
        message.createTime,
        status.status,
        status.totalChannels,
        status.successChannels,
        status.failedChannels,
        toDatetimeMs(dueTime(plan, now)),
        channels.length > 0 ? channels.join(',') : null,
        withSteps(message.steps, [retryStep(plan, now)]),
      ]
    })
  await connection.query(REOPEN_MESSAGES, [JSON.stringify(parameter)])
}

// No job: so the reconciler takes it at once.
const REOPEN_MESSAGES = `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
    t BIGINT PATH '$[0]', m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]', c DATETIME PATH '$[2]',
    status VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin PATH '$[3]', total INT PATH '$[4]', success INT PATH '$[5]',
    failed INT PATH '$[6]', due DATETIME(3) PATH '$[7]', rerun TEXT PATH '$[8]', steps TEXT PATH '$[9]')) AS j
  STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
  SET m.status = j.status, m.total_channels = j.total, m.success_channels = j.success, m.failed_channels = j.failed,
    m.error_code = NULL, m.error_message = NULL, m.due_time = j.due, m.finish_time = NULL, m.job_id = NULL,
    m.rerun_channels = j.rerun, m.revision = m.revision + 1, m.steps = j.steps, m.interruptions = 0,
    m.crashes = 0`

function retryStep({ resend, rerun }: RetryPlan, now: Date) {
  const channels = (tasks: RetryPlan['rerun']) => tasks.map(({ channelType }) => channelType).join(', ')
  const detail = [
    resend.length > 0 ? `sent again as it is: ${channels(resend)}` : '',
    rerun.length > 0 ? `through the pipeline again: ${channels(rerun)}` : '',
  ].filter((text) => text !== '')
  return {
    step: 'retry',
    at: now.toISOString(),
    durationMs: 0,
    outcome: 'ok',
    ...(detail.length > 0 ? { detail: detail.join('; ') } : {}),
  }
}
