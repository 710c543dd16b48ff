/** Errors by which MySQL, or the way to it, says "not now": connection trouble, too many connections, read-only fail-over. */
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
  'POOL_CLOSED',
])

/** True where repeating later may help without anybody changing the request. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  // A connection that mysql2 has lost answers later calls with plain Errors.
  return (
    UNAVAILABLE_CODES.has(code) ||
    ('fatal' in error && error.fatal === true) ||
    /closed state|Connection lost/.test(error.message)
  )
}
