/**
 * Errors by which MySQL, or the way to it, says "not now": connection trouble, too many connections, read-only fail-over, a
 * cluster that is changing, a statement that somebody has ended.
 */
const UNAVAILABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ER_CON_COUNT_ERROR',
  'ER_SERVER_SHUTDOWN',
  'ER_OPTION_PREVENTS_STATEMENT',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_LOCK_DEADLOCK',
  'ER_DISK_FULL',
  'ER_RECORD_FILE_FULL',
  'ER_ERROR_ON_WRITE',
  'ER_NORMAL_SHUTDOWN',
  'ER_QUERY_INTERRUPTED',
  'ER_QUERY_TIMEOUT',
  'ER_READ_ONLY_MODE',
  'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
  // Galera: the node is not ready; it could not commit.
  'ER_UNKNOWN_COM_ERROR',
  'ER_ERROR_DURING_COMMIT',
  // Group replication.
  'ER_RUN_HOOK_ERROR',
  'ER_TRANSACTION_ROLLBACK_DURING_COMMIT',
  'POOL_CLOSED',
])
/** MariaDB's, which mysql2 has no names for: the connection was killed, `max_statement_time` is over. */
const UNAVAILABLE_NUMBERS = new Set<unknown>([1927, 1969])

/** True where repeating later may help without anybody changing the request. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  // A connection that mysql2 has lost answers later calls with plain Errors.
  return (
    UNAVAILABLE_CODES.has(code) ||
    ('errno' in error && UNAVAILABLE_NUMBERS.has(error.errno)) ||
    ('fatal' in error && error.fatal === true) ||
    /closed state|Connection lost/.test(error.message)
  )
}
