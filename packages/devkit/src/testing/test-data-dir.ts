import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readLock, tryLock } from '../../bin/lock-file.mjs'
import { dataDir } from '../services/workspace.ts'

const PREFIX = 'test-'
const LOCK = 'run.lock'

export interface TestDataDir {
  path: string
  remove(): void
}

/** A fresh folder for this run's servers and logs. Folders of runs that were killed are removed first. */
export function createTestDataDir(): TestDataDir {
  mkdirSync(dataDir, { recursive: true })
  for (const name of readdirSync(dataDir)) {
    const folder = join(dataDir, name)
    if (name.startsWith(PREFIX) && !readLock(join(folder, LOCK))) removeFolder(folder)
  }
  const path = join(dataDir, `${PREFIX}${process.pid}`)
  tryLock(join(path, LOCK))
  return { path, remove: () => removeFolder(path) }
}

/** A server that is just ending may still make a file while the folder is emptied. */
function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}
