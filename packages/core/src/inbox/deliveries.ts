import type { Pool, PoolConnection, ResultSetHeader } from 'mysql2/promise'
import type { TaskIdentity } from '../channels/adapter.ts'
import type { MessageType } from '../contracts/content.ts'
import { inTransaction } from '../database/transaction.ts'
import { isDatabaseUnavailable } from '../database/unavailable.ts'
import { createBatcher } from '../messages/batcher.ts'

/** A message for some readers' inboxes. */
export interface InboxDelivery extends TaskIdentity {
  /** User ids, or `EVERYONE` alone. */
  readers: string[]
  messageType: MessageType
  title: string | null
  content: string
  /** Aborted when its sender has given up: what has not begun by then is left to the next attempt. */
  signal?: AbortSignal
}

export interface InboxWriter {
  /**
   * Resolves when the rows are committed; a task that was delivered before writes nothing new.
   * @throws Error where it was given up before its turn came: then nothing is written
   */
  deliver(delivery: InboxDelivery): Promise<void>
}

/** Of one transaction. */
const MAX_DELIVERIES = 500
const MAX_BATCH_BYTES = 4 * 1024 * 1024
/** Transactions under way at once: while one waits for a tenant's lock, the deliveries of other tenants go on. */
const AT_ONCE = 2
/** Of one statement: far below any server's `max_allowed_packet`. */
const MAX_ROWS = 1000
const MAX_STATEMENT_BYTES = 1024 * 1024
/** What a row takes besides its texts. */
const ROW_BYTES = 200

/**
 * Writes inbox rows, batched: what comes while one transaction runs goes into the next.
 * @param onDelivered called after each commit with the tenants whose inboxes have something new
 */
export function createInboxWriter(pool: Pool, onDelivered: (tenantIds: string[]) => void): InboxWriter {
  const batcher = createBatcher<InboxDelivery, { isWritten: boolean }>({
    maxItems: MAX_DELIVERIES,
    maxBytes: MAX_BATCH_BYTES,
    // One message may be for thousands of readers.
    holderOf: ({ tenantId }) => tenantId,
    sizeOf: ({ readers, content }) => readers.length * (Buffer.byteLength(content) + ROW_BYTES),
    concurrency: AT_ONCE,
    isolates: (error) => !isDatabaseUnavailable(error),
    async flush(batch) {
      const isWanted = batch.map(({ signal }) => !signal?.aborted)
      const wanted = batch.filter((_, index) => isWanted[index])
      if (wanted.length > 0) {
        await inTransaction(pool, (connection) => insertDeliveries(connection, wanted))
        onDelivered(tenantsOf(wanted))
      }
      return isWanted.map((isWritten) => ({ isWritten }))
    },
  })
  return {
    async deliver(delivery) {
      const { isWritten } = await batcher.add(delivery)
      if (!isWritten) throw new Error('given up before its turn came')
    },
  }
}

/**
 * Ids are given out when rows are inserted, and without the lock transactions would commit them in any order: a stream that
 * has shown id 7 would never show the 6 that came to light after it.
 */
async function insertDeliveries(connection: PoolConnection, deliveries: readonly InboxDelivery[]): Promise<void> {
  // Unlike INSERT IGNORE, which would share the lock of a row that is there, this takes it.
  await connection.query(
    'INSERT INTO msg_inbox_lock (tenant_id) VALUES ? ON DUPLICATE KEY UPDATE tenant_id = tenant_id',
    [tenantsOf(deliveries).map((tenantId) => [tenantId])],
  )
  for (const rows of statements(deliveries)) {
    await connection.query<ResultSetHeader>(
      // IGNORE: a second delivery of the same task finds its rows there.
      `INSERT IGNORE INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, title, content) VALUES ?`,
      [rows],
    )
  }
}

/** Each once, in key order: two transactions never wait for each other in a circle. */
function tenantsOf(deliveries: readonly InboxDelivery[]): string[] {
  const tenantIds = [...new Set(deliveries.map(({ tenantId }) => tenantId))]
  return tenantIds.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
}

type Row = (string | null)[]

/** The rows of all deliveries, in their order, in portions of which each is one statement. */
function* statements(deliveries: readonly InboxDelivery[]): Generator<Row[]> {
  let rows: Row[] = []
  let bytes = 0
  for (const { readers, tenantId, messageId, taskId, messageType, title, content } of deliveries) {
    const rowBytes = Buffer.byteLength(content) + ROW_BYTES
    for (const userId of readers) {
      if (rows.length === MAX_ROWS || (rows.length > 0 && bytes + rowBytes > MAX_STATEMENT_BYTES)) {
        yield rows
        rows = []
        bytes = 0
      }
      rows.push([tenantId, userId, messageId, taskId, messageType, title, content])
      bytes += rowBytes
    }
  }
  if (rows.length > 0) yield rows
}

/**
 * Takes a task's message out of every inbox. The marks of who has read it stay until retention removes them.
 * @returns whether any inbox held it
 */
export async function removeDelivery(pool: Pool, { taskId, tenantId }: TaskIdentity): Promise<boolean> {
  const [{ affectedRows }] = await pool.query<ResultSetHeader>(
    'DELETE FROM msg_inbox WHERE task_id = ? AND tenant_id = ?',
    [taskId, tenantId],
  )
  return affectedRows > 0
}
