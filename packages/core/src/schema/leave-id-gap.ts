import type { Connection, RowDataPacket } from 'mysql2/promise'

/** More than a system gives out between a dump and its loss; ids are 64 bits wide. */
const GAP = 1_000_000_000n

/**
 * Lets every table that numbers its rows go on far behind the newest of them. After a restore: ids that were given out since the
 * dump are known outside (to providers as keys of sends, to receivers of callbacks as ids of events, to open inbox streams as
 * places), who would take what comes under them now for what they know already.
 * @returns the tables, with the id that each goes on from
 */
export async function leaveIdGap(connection: Connection): Promise<Map<string, bigint>> {
  const [tables] = await connection.query<RowDataPacket[]>(
    `SELECT table_name AS name, column_name AS id FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name LIKE 'msg\\_%' AND extra LIKE '%auto_increment%' ORDER BY 1`,
  )
  const from = new Map<string, bigint>()
  for (const { name, id } of tables) {
    const [[row]] = await connection.query<RowDataPacket[]>(
      `SELECT COALESCE(MAX(\`${id}\`), 0) AS newest FROM \`${name}\``,
    )
    const next = BigInt(row?.newest) + GAP
    await connection.query(`ALTER TABLE \`${name}\` AUTO_INCREMENT = ${next}`)
    from.set(name, next)
  }
  return from
}
