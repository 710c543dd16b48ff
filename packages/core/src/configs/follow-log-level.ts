import { PLATFORM_TENANT } from '../contracts/caller.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { SettingsSource } from './settings-source.ts'
import type { ConfigChanges } from './watch-changes.ts'

const RETRY_MS = 1_000

/** Keeps the level of a process's logger at the setting `logLevel`. Child loggers made before a change keep theirs. */
export function followLogLevel(logger: Logger, settings: SettingsSource, changes: Pick<ConfigChanges, 'subscribe'>) {
  const follow = async (): Promise<void> => {
    try {
      const { logLevel } = await settings(PLATFORM_TENANT)
      if (logLevel === logger.level) return
      const change = { from: logger.level, to: logLevel }
      // By whichever of the two levels lets it through.
      const told = logger.isLevelEnabled('warn')
      if (told) logger.warn(change, 'log level changes')
      logger.level = logLevel
      if (!told) logger.warn(change, 'log level changes')
    } catch (error) {
      logger.warn({ err: error }, 'the setting logLevel cannot be read')
      setTimeout(follow, RETRY_MS).unref()
    }
  }
  changes.subscribe((tenantId) => {
    if (tenantId === PLATFORM_TENANT) void follow()
  })
}
