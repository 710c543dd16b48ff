import { MAX_PROGRESS_BYTES } from '@message-center/core/messages/save-progress.ts'

/** What an adapter has saved of its way through a task: in earlier attempts, and from then on in this one. */
export interface Progress {
  current(): unknown
  /** Resolves when it is committed. @throws Error where it is too large */
  save(progress: unknown): Promise<void>
  /** Resolves when what has been saved so far is committed, or cannot be. */
  settled(): Promise<void>
}

/** @param stored the column as it was read */
export function createProgress(stored: string | null, store: (json: string) => Promise<void>): Progress {
  let current: unknown = stored === null ? undefined : JSON.parse(stored)
  let storing: Promise<void> = Promise.resolve()
  return {
    current: () => current,
    async save(progress) {
      const json = JSON.stringify(progress) ?? 'null'
      const bytes = Buffer.byteLength(json)
      if (bytes > MAX_PROGRESS_BYTES) throw new Error(`a progress of ${bytes} bytes; ${MAX_PROGRESS_BYTES} can be kept`)
      storing = store(json)
      await storing
      current = progress
    },
    // Why it cannot be, the adapter hears.
    settled: () => storing.catch(() => undefined),
  }
}
