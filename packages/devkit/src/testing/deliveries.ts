import type { BatchSendResult } from '@message-center/core/contracts/messages.ts'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { ReceivedMessage } from '../sandbox/received.ts'
import type { RunningSandbox } from '../sandbox/start.ts'
import type { ApiCaller } from './api-caller.ts'
import { until } from './until.ts'

type BatchAnswer = { [Key in keyof typeof BatchSendResult.properties]: unknown } & { successCount: number }

/**
 * Posts `count` messages in one batch; `orderNo` in their data, and so in their text, is `<prefix>-<n>`, and so is their id.
 * @returns the ids, in the order posted
 */
export async function sendMany(
  call: ApiCaller,
  businessType: string,
  prefix: string,
  count: number,
  fields: Record<string, unknown> = {},
): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
  const { status, body } = await call<BatchAnswer>(
    'POST',
    '/api/messages/batch',
    ids.map((id) => ({ messageId: id, businessType, businessData: { orderNo: id, userId: id }, ...fields })),
  )
  if (status !== 202 || body.successCount !== count) throw new Error(`batch: ${status} ${JSON.stringify(body)}`)
  return ids
}

/** How many messages of the tenant have which status. */
async function statusCounts(pool: Pool, tenantId: string): Promise<Record<string, number>> {
  const [rows] = await pool.query<RowDataPacket[]>(
    'SELECT status, COUNT(*) AS n FROM msg_message WHERE tenant_id = ? GROUP BY status',
    [tenantId],
  )
  return Object.fromEntries(rows.map((row) => [row.status, Number(row.n)]))
}

/** Resolves when no message of the tenant is under way any more; answers the counts by status. */
export function allFinal(pool: Pool, tenantId: string, limitMs?: number): Promise<Record<string, number>> {
  return until(
    `all messages of tenant ${tenantId} to be final`,
    async () => {
      const counts = await statusCounts(pool, tenantId)
      return counts.PENDING || counts.PROCESSING ? undefined : counts
    },
    limitMs,
  )
}

/** Everything that robot `token` received, oldest first, refused and swallowed calls included. */
export function received(sandbox: RunningSandbox, token: string): Promise<ReceivedMessage[]> {
  return sandbox.client.messages({ token, limit: 20_000 })
}

/** How often robot `token` showed which text to its group. */
export async function shownTexts(sandbox: RunningSandbox, token: string): Promise<Map<string, number>> {
  const shown = new Map<string, number>()
  for (const message of await received(sandbox, token)) {
    if (message.delivered) shown.set(textOf(message), (shown.get(textOf(message)) ?? 0) + 1)
  }
  return shown
}

/** The text of a TEXT message, as either provider takes it. */
export function textOf({ payload }: ReceivedMessage): string {
  return (payload as { text?: { content?: string } }).text?.content ?? ''
}

/** The tasks of a tenant, as stored. */
export async function tasksOf(pool: Pool, tenantId: string): Promise<RowDataPacket[]> {
  const [rows] = await pool.query<RowDataPacket[]>('SELECT * FROM msg_channel_task WHERE tenant_id = ? ORDER BY id', [
    tenantId,
  ])
  return rows
}
