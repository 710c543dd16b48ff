import closeWithGrace from 'close-with-grace'
import type { Logger } from '../telemetry/logger.ts'

/** Why a process stops. */
export interface StopReason {
  /** SIGTERM comes from an orchestrator, SIGINT from a person. */
  signal: string | undefined
  /** An error that nobody caught. */
  crashed: boolean
}

/**
 * Stops this process in good order at the first signal, or after an error that nobody caught. A further SIGTERM changes
 * nothing: supervisors repeat it, or send it to parent and child. A further SIGINT is a person who does not want to wait.
 * @param options.limitMs the process ends after this in any case, with exit code 1
 * @param stop ends what is in hand; then the process ends with exit code 0, after an error with 1
 * @returns aborted when the process is told to stop
 */
export function stopOnSignal(
  { name, limitMs, logger }: { name: string; limitMs: number; logger: Logger },
  stop: (reason: StopReason) => Promise<void>,
): AbortSignal {
  const stopping = new AbortController()
  closeWithGrace({ delay: limitMs, logger }, async ({ err, signal }) => {
    process.removeAllListeners('SIGTERM')
    process.on('SIGTERM', () => logger.info(`${name} is stopping already`))
    if (err) logger.fatal({ err }, 'uncaught')
    logger.info({ signal }, `${name} stops`)
    stopping.abort()
    await stop({ signal, crashed: err !== undefined })
    logger.info(`${name} stopped`)
  })
  return stopping.signal
}
