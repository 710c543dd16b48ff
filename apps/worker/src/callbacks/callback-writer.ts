import {
  type CallbackClaim,
  type ClaimedCallback,
  claimCallbacks,
} from '@message-center/core/callbacks/claim-callbacks.ts'
import { type DueCallback, findCallbacks } from '@message-center/core/callbacks/find-callbacks.ts'
import { type CallbackOutcome, recordCallbacks } from '@message-center/core/callbacks/record-callbacks.ts'
import { isDatabaseUnavailable } from '@message-center/core/database/unavailable.ts'
import { createBatcher } from '@message-center/core/messages/batcher.ts'
import type { CallbackRef } from '@message-center/core/messages/becoming-final.ts'
import type { Pool } from 'mysql2/promise'
import { persistently } from '../persistently.ts'

/** What the callbacks of a process read and write, batched: what comes while one statement runs goes into the next. */
export interface CallbackWriter {
  /** Undefined for one that is over. */
  find(callback: CallbackRef): Promise<DueCallback | undefined>
  /** Undefined for one that is not ours to make now. */
  claim(claim: CallbackClaim): Promise<ClaimedCallback | undefined>
  /** Resolves when the outcome is committed. */
  record(outcome: CallbackOutcome): Promise<void>
  drain(): Promise<void>
}

const MAX_BATCH = 200

export function createCallbackWriter(pool: Pool, onError: (error: unknown) => void): CallbackWriter {
  const isolates = (error: unknown) => !isDatabaseUnavailable(error)
  const finding = createBatcher<CallbackRef, DueCallback | undefined>({
    maxItems: MAX_BATCH,
    flush: (callbacks) => findCallbacks(pool, callbacks),
  })
  const claiming = createBatcher<CallbackClaim, ClaimedCallback | undefined>({
    maxItems: MAX_BATCH,
    flush: (claims) => claimCallbacks(pool, claims),
  })
  const recording = createBatcher<CallbackOutcome, void>({
    maxItems: MAX_BATCH,
    isolates,
    async flush(outcomes) {
      await persistently(() => recordCallbacks(pool, outcomes), onError)
      return outcomes.map(() => undefined)
    },
  })
  return {
    find: (callback) => finding.add(callback),
    claim: (claim) => claiming.add(claim),
    record: (outcome) => recording.add(outcome),
    async drain() {
      await Promise.all([finding.drain(), claiming.drain()])
      await recording.drain()
    },
  }
}
