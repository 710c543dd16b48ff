import { join } from 'node:path'
import { type HeldLock, type LockHolder, readLock, tryLock } from '../../bin/lock-file.mjs'

/** What a running `npm start` lets others know. */
export interface RunDetails {
  url?: string
  databaseUrl?: string
}

const FILE = 'run.lock'

/** Takes the data folder for this process: its servers cannot run twice on the same data. */
export function lockDataDir(dataDir: string): { lock: HeldLock } | { running: LockHolder & RunDetails } {
  const result = tryLock(join(dataDir, FILE))
  return 'lock' in result ? result : { running: withDetails(result.holder) }
}

/** The run that uses the data folder now, if any. */
export function currentRun(dataDir: string): (LockHolder & RunDetails) | undefined {
  const holder = readLock(join(dataDir, FILE))
  return holder && withDetails(holder)
}

/** `another run is using … (process 12, http://…)` */
export function describeRun({ pid, url }: LockHolder & RunDetails): string {
  return `process ${pid}, ${url ?? 'still starting'}`
}

function withDetails(holder: LockHolder): LockHolder & RunDetails {
  const text = (name: string) => (typeof holder[name] === 'string' ? { [name]: holder[name] } : {})
  return { ...holder, ...text('url'), ...text('databaseUrl') }
}
