import { partitionName } from '@message-center/core/schema/partitions.ts'
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'

/** The tables that grow with the messages. The others hold what people set, and stay small. */
const GROWING_TABLES = [
  'msg_message',
  'msg_message_key',
  'msg_channel_task',
  'msg_inbox',
  'msg_inbox_read',
  'msg_audit_log',
]

/** What a statement may read besides: a batch, a page, a row in each partition, and then some. */
const READS_ALLOWED = 3_000
/** For each row that it answers or changes: its index entry, the row, what is joined to it, each maybe counted twice. */
const READS_PER_ROW = 20

const EXPLAINABLE = /^\(*\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\b/i
const DUPLICATE_ENTRY = 1062

/**
 * What is wrong with the way in which the server runs a statement: a table that grows, or a whole index of it, read from end
 * to end; or many times more rows read than answered or changed. It is run for that and rolled back.
 * @param connection to a database whose tables have grown, with statistics of now
 */
export async function planFaults(connection: Connection, statement: string): Promise<string[]> {
  if (statement.startsWith('PREPARE ')) return ['it is prepared: what it reads cannot be told without its values']
  if (!EXPLAINABLE.test(statement)) return []
  // The month may have been dropped since.
  const today = statement.replace(/PARTITION \(p\d{6}\)/, `PARTITION (${partitionName(new Date())})`)
  return [...(await scans(connection, today)), ...(await vainReads(connection, today))]
}

async function scans(connection: Connection, statement: string): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(`EXPLAIN FORMAT=TRADITIONAL ${statement}`)
  const tables = tablesByAlias(statement)
  return rows.flatMap((row) => {
    const table = tables.get(String(row.table)) ?? ''
    if (!GROWING_TABLES.includes(table)) return []
    // What an INSERT writes to has a line as well.
    if (row.select_type === 'INSERT' || (/^INSERT\b/i.test(statement) && !/\bSELECT\b/i.test(statement))) return []
    if (row.type === 'ALL') return [`${table}: every row`]
    return row.type === 'index' ? [`${table}: the whole index ${row.key}`] : []
  })
}

async function vainReads(connection: Connection, statement: string): Promise<string[]> {
  await connection.query('START TRANSACTION')
  try {
    const before = await readsSoFar(connection)
    const [result] = await connection.query<RowDataPacket[] | ResultSetHeader>(statement)
    const reads = (await readsSoFar(connection)) - before
    const rows = Array.isArray(result) ? result.length : result.affectedRows
    return reads > READS_ALLOWED + READS_PER_ROW * rows ? [`${reads} rows read for ${rows}`] : []
  } catch (error) {
    // What it inserts is there already, from when the system did it.
    if (error instanceof Error && 'errno' in error && error.errno === DUPLICATE_ENTRY) return []
    throw error
  } finally {
    await connection.query('ROLLBACK')
  }
}

async function readsSoFar(connection: Connection): Promise<number> {
  const [rows] = await connection.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Handler_read%'")
  return rows.reduce((sum, row) => sum + Number(row.Value), 0)
}

function tablesByAlias(statement: string): Map<string, string> {
  const named = statement.matchAll(/(?:FROM|JOIN|UPDATE|INTO)\s+`?(msg_\w+)`?(?:\s+(?:AS\s+)?`?(\w+)`?)?/gi)
  return new Map(
    [...named].flatMap(([, table = '', alias = table]) => [[alias, table] as const, [table, table] as const]),
  )
}
