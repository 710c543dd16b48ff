/** A row of a table that is partitioned by month of `create_time`. */
export interface RowKey {
  id: string
  createTime: string
}

/**
 * SQL that picks rows by the primary key (id, create_time), and only their partitions: ranges of the key on every server, in whose
 * order the rows are locked, so that two statements never wait for each other in a circle.
 * @param rows at least one
 */
export function whereRows(alias: string, rows: readonly RowKey[], bind: (value: unknown) => string): string {
  const times = rows.map(({ createTime }) => createTime).sort()
  const ids = bind(rows.map(({ id }) => id))
  return `${alias}.id IN (${ids}) AND ${alias}.create_time BETWEEN ${bind(times[0])} AND ${bind(times.at(-1))}`
}
