import pino, { type DestinationStream, type Logger, type LoggerOptions } from 'pino'
import { redact } from '../channels/redact.ts'

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

/**
 * JSON lines: `level` as a word, `time` in ISO 8601, `msg`, `service`.
 * @param destination stdout without it
 */
export function createLogger(service: string, level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: errorFields },
    hooks: { streamWrite: withoutSecrets },
  }
  return destination ? pino(options, destination) : pino(options)
}

const HOLDS_SECRET_KEY = new RegExp(`"(?:${SECRET_KEYS.join('|')})":`)
const secretKeys = new Set(SECRET_KEYS)

/**
 * A line as it may be written: no values of secret keys at any depth, no credentials in URLs, whatever a text holds. Pino's own
 * `redact` takes eight times as long as the rest of a line, for every line; almost none has such a key.
 */
function withoutSecrets(line: string): string {
  const safe = redact(line, [])
  if (!HOLDS_SECRET_KEY.test(safe)) return safe
  const masked = JSON.parse(safe, (key, value) => (secretKeys.has(key) ? '******' : value))
  return `${JSON.stringify(masked)}\n`
}

/** What drivers add to an error of what they were given: the statement with its values, the command, the URL. */
const GIVEN_VALUES = new Set(['sql', 'params', 'query', 'command', 'input'])

/** An error without the values that it was about. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const fields = Object.entries(pino.stdSerializers.err(error))
  return Object.fromEntries(fields.filter(([name]) => !GIVEN_VALUES.has(name)))
}
