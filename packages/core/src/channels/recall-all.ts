import type { RecallOutcome } from './adapter.ts'
import { ChannelError } from './channel-error.ts'

/**
 * Recalls every part of a message.
 * @param recallOne rejects with a ChannelError where the provider does not recall it
 * @throws ChannelError for a passing fault
 */
export async function recallAll(
  ids: readonly string[],
  recallOne: (id: string) => Promise<void>,
): Promise<RecallOutcome> {
  if (ids.length === 0) return { recalled: false, reason: 'the provider gave no id for the message' }
  const refusals: string[] = []
  for (const id of ids) {
    try {
      await recallOne(id)
    } catch (error) {
      if (!(error instanceof ChannelError) || error.errorClass !== 'PERMANENT') throw error
      refusals.push(`${error.code} ${error.message}`)
    }
  }
  const [first] = refusals
  if (first === undefined) return { recalled: true }
  return { recalled: false, reason: ids.length === 1 ? first : `${refusals.length} of ${ids.length} parts: ${first}` }
}
