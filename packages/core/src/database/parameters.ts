/**
 * Collects the parameters of a statement while its text is written, from left to right: what `bind` returns stands in the text,
 * and `values` goes with it.
 */
export function createParameters() {
  const values: unknown[] = []

  /** @returns the placeholder of a value; of a list, that of its members, for an `IN` */
  function bind(value: unknown): string {
    values.push(value)
    return '?'
  }

  return {
    values,
    bind,
    /**
     * Each row's own value, told apart by a column: `CASE column WHEN … THEN … END`. Where all have the same, just that.
     * @param column SQL
     * @param rows at least one
     */
    bindEach(column: string, rows: readonly (readonly [key: string, value: unknown])[]): string {
      const [first] = rows
      if (rows.every(([, value]) => value === first?.[1])) return bind(first?.[1])
      return `CASE ${column} ${rows.map(([key, value]) => `WHEN ${bind(key)} THEN ${bind(value)}`).join(' ')} END`
    },
  }
}
