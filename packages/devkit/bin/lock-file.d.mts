/** Content of a lock file: who holds it, and whatever the holder wants others to know. */
export interface LockHolder {
  pid: number
  identity: string
  [detail: string]: unknown
}

export interface HeldLock {
  /** Replaces the details that others read from the lock. */
  update(details: Record<string, unknown>): void
  /** Gives the lock back; a no-op when it is no longer ours. */
  release(): void
}

/**
 * Takes the lock file at `path` unless a living process holds it. A dead holder's lock is taken over; a process id
 * that was given out anew counts as dead. Never waits for the holder.
 */
export function tryLock(path: string, details?: Record<string, unknown>): { lock: HeldLock } | { holder: LockHolder }

/** The living holder of the lock at `path`, if any. */
export function readLock(path: string): LockHolder | undefined

/** Whether the process that a lock or an owner record names still runs. */
export function isAlive(holder: { pid?: unknown; identity?: unknown }): boolean

/** What identifies a process for `isAlive`, also after its id has been given out anew. */
export function ownerRecord(pid: number): { pid: number; identity: string | undefined }
