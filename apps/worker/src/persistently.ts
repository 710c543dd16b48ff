import { setTimeout as delay } from 'node:timers/promises'
import { isDatabaseUnavailable } from '@message-center/core/database/unavailable.ts'

const RETRY_MS = 200

/**
 * Writes what is known and must not get lost because the database is away for a while: lost, it would be sent again.
 * @param onError told each time that the database is not there
 */
export async function persistently(write: () => Promise<void>, onError: (error: unknown) => void): Promise<void> {
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error
      onError(error)
      await delay(RETRY_MS)
    }
  }
}
