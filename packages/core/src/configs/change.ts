import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2'
import type { Connection, Pool, PoolConnection } from 'mysql2/promise'
import type { Actor } from '../audit/record-change.ts'
import { inTransaction } from '../database/transaction.ts'

/** Holds the newest change number of all tenants; no tenant has this id. */
const LATEST = -1

/** A SQL expression: the number of the newest change, NULL before the first. */
export const LATEST_CHANGE_NUMBER = `(SELECT change_number FROM msg_config_change WHERE tenant_id = ${LATEST})`

/** A call that changes an object of a tenant. */
export interface ChangeCall {
  tenantId: string
  actor: Actor
  /** The call's `If-Match`: only while the object is in one of these states. */
  ifMatch?: string | undefined
}

export interface ChangeTransaction {
  db: MySql2Database
  connection: PoolConnection
}

/**
 * Changes what processes cache of a tenant, in one transaction with the number by which they learn of it. Changes of all
 * tenants happen one after the other: numbers are committed in their order, and what `work` reads nobody changes
 * before it commits.
 * @param tenantId '0' (the platform) where it concerns everyone
 * @param work may run more than once (see `inTransaction`)
 */
export function changeConfigs<T>(
  pool: Pool,
  tenantId: string,
  work: (transaction: ChangeTransaction) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (connection) => {
    await takeNumber(connection, tenantId)
    return work({ db: drizzle(connection), connection })
  })
}

async function takeNumber(connection: Connection, tenantId: string): Promise<void> {
  // The lock on this row lasts until the commit.
  await connection.query(
    `INSERT INTO msg_config_change (tenant_id, change_number) VALUES (${LATEST}, LAST_INSERT_ID(1))
     ON DUPLICATE KEY UPDATE change_number = LAST_INSERT_ID(change_number + 1)`,
  )
  await connection.query(
    `INSERT INTO msg_config_change (tenant_id, change_number) VALUES (?, LAST_INSERT_ID())
     ON DUPLICATE KEY UPDATE change_number = VALUES(change_number)`,
    [tenantId],
  )
}
