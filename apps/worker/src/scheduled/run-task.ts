import type { Settings } from '@message-center/core/settings/definitions.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { UpkeepMetrics } from '@message-center/core/telemetry/metrics.ts'

/** Work that recurs, run by one process at a time. */
export interface ScheduledTask {
  /** Also the name of its jobs. */
  name: string
  /** How often it runs. */
  everySeconds(settings: Settings): number
  /**
   * @param signal aborts when the process stops
   * @returns what was done, for people who look into the queue; undefined where another process is at it
   */
  run(signal: AbortSignal): Promise<string | undefined>
}

/** Runs a task and tells metrics and log how it went. A task that another process is at counts as no run. */
export function createTaskRunner(deps: { metrics: UpkeepMetrics; logger: Logger; signal: AbortSignal }) {
  const { metrics, logger, signal } = deps
  return async ({ name, run }: ScheduledTask): Promise<string | undefined> => {
    const startedAt = performance.now()
    const ended = (outcome: 'success' | 'failure') => {
      metrics.run.observe({ task: name, outcome }, (performance.now() - startedAt) / 1_000)
      metrics.lastRun.set({ task: name }, Date.now() / 1_000)
      if (outcome === 'success') metrics.lastSuccess.set({ task: name }, Date.now() / 1_000)
    }
    try {
      const told = await run(signal)
      if (told !== undefined) ended('success')
      return told
    } catch (error) {
      ended('failure')
      logger.error({ err: error, task: name }, 'a scheduled task failed; the next run tries again')
      throw error
    }
  }
}
