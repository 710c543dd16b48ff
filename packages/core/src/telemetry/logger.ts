import pino, { type Logger } from 'pino'

export type { Logger } from 'pino'

/** Keys whose values never reach a log line, wherever they stand. */
const SECRET_KEYS = [
  'accessToken',
  'webhook',
  'secret',
  'key',
  'appSecret',
  'corpSecret',
  'clientSecret',
  'password',
  'token',
  'authorization',
  'access_token',
  'configJson',
]

/** JSON lines on stdout: `level` as a word, `time` in ISO 8601, `msg`, `service`. */
export function createLogger(service: string, level: string): Logger {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '******' },
  })
}
