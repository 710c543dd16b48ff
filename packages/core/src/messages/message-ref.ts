/** Names one message and its partition. `createTime` is in whole seconds UTC, as the tables hold it: `2026-11-23 10:00:00`. */
export interface MessageRef {
  tenantId: string
  messageId: string
  createTime: string
}

/** A time as a DATETIME literal in UTC, cut to whole seconds (MySQL would round up from .5). */
export function toDatetime(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ')
}

/** A time as a DATETIME(3) literal in UTC. */
export function toDatetimeMs(time: Date): string {
  return time.toISOString().slice(0, 23).replace('T', ' ')
}

/** Rows go to the database in key order, so that two transactions never wait for each other in a circle. */
export function compareRefs(a: MessageRef, b: MessageRef): number {
  return compareText(a.tenantId, b.tenantId) || compareText(a.messageId, b.messageId)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** A `JSON_TABLE` row source of message references, alias `j` with columns t, m, c; takes one parameter: `refsParameter(refs)`. */
export const REFS_TABLE = `JSON_TABLE(?, '$[*]' COLUMNS (
  t BIGINT PATH '$[0]', m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]', c DATETIME PATH '$[2]')) AS j`

/** The parameter of `REFS_TABLE`. */
export function refsParameter(refs: readonly MessageRef[]): string {
  return JSON.stringify(refs.map(({ tenantId, messageId, createTime }) => [tenantId, messageId, createTime]))
}
