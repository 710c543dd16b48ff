import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import pino, { type DestinationStream } from 'pino'
import roll from 'pino-roll'
import { type Env, EnvError } from '../settings/env.ts'
import { claimLogName } from './log-slot.ts'
import { createLogger, type Logger } from './logger.ts'

/** Bytes kept where the disk takes none; what comes beyond is only on stdout. */
const MAX_WAITING = 4 * 1024 * 1024
const TELL_EVERY_MS = 60_000

/**
 * The logger of a process: stdout, and with LOG_FILE a file besides. Both are written at once, line by line, so that neither
 * a signal nor a crash loses one.
 * @param service `message-center-api` …; its last word is in the file's name
 * @throws EnvError where the file cannot be written
 */
export async function openLogger(service: string, env: Env): Promise<Logger> {
  if (env.logFile === undefined) return createLogger(service, env.logLevel)
  const stdout = pino.destination({ dest: 1, sync: true })
  const file = await openLogFile(env.logFile, service, env, (error) => logger.warn({ err: error }, 'LOG_FILE'))
  const both: DestinationStream = {
    write(line) {
      file.write(line)
      stdout.write(line)
    },
  }
  const logger = createLogger(service, env.logLevel, both)
  return logger
}

/** `app.log` → `app.api.2026-01-31.1.log`; a second API process beside it writes `app.api-2.…` */
async function openLogFile(
  path: string,
  service: string,
  { logFileMaxMb, logFileKeep }: Pick<Env, 'logFileMaxMb' | 'logFileKeep'>,
  onError: (error: unknown) => void,
): Promise<DestinationStream> {
  const [base, extension] = /^(.+?)(\.[^./\\]*)?$/.exec(path)?.slice(1) ?? [path]
  try {
    mkdirSync(dirname(path), { recursive: true })
    const name = await claimLogName(`${base}.${service.split('-').at(-1)}`)
    const file = await roll({
      file: `${name}${extension ?? '.log'}`,
      frequency: 'daily',
      dateFormat: 'yyyy-MM-dd',
      size: `${logFileMaxMb}m`,
      // The one in use counts.
      limit: { count: logFileKeep + 1, removeOtherLogFiles: true },
      sync: true,
      maxLength: MAX_WAITING,
    })
    let toldAt = Number.NEGATIVE_INFINITY
    file.on('error', (error) => {
      // The line that tells of it goes here, too.
      if (performance.now() - toldAt < TELL_EVERY_MS) return
      toldAt = performance.now()
      onError(error)
    })
    return file
  } catch (error) {
    throw new EnvError(`LOG_FILE cannot be written: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}
