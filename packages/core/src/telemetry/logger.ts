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
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '******' },
    serializers: { err: errorFields },
    // Whatever a text holds: a URL in it must not carry its credentials.
    hooks: { streamWrite: (line) => redact(line, []) },
  }
  return destination ? pino(options, destination) : pino(options)
}

/** What drivers add to an error of what they were given: the statement with its values, the command, the URL. */
const GIVEN_VALUES = new Set(['sql', 'params', 'query', 'command', 'input'])

/** An error without the values that it was about. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const fields = Object.entries(pino.stdSerializers.err(error))
  return Object.fromEntries(fields.filter(([name]) => !GIVEN_VALUES.has(name)))
}
