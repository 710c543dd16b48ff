import type { TestProject } from 'vitest/node'
import { startServices } from '../services/services.ts'
import { dataDir } from '../services/workspace.ts'
import { createTestDataDir } from './test-data-dir.ts'

declare module 'vitest' {
  interface ProvidedContext {
    databaseUrl: string
    redisUrl: string
  }
}

/**
 * vitest's global set-up: MySQL and Redis for the tests. The ones of DATABASE_URL and REDIS_URL where set, else private
 * ones in a fresh folder, stopped and removed at the end. Tests find them by `inject('databaseUrl')`,
 * `inject('redisUrl')` or the environment.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.DATABASE_URL && process.env.REDIS_URL
  const folder = given ? undefined : createTestDataDir()
  const progress = (line: string) => process.stdout.write(`${line}\n`)
  const services = await startServices({ dataDir: folder?.path ?? dataDir, progress, keepData: false })
  process.env.DATABASE_URL = services.databaseUrl
  process.env.REDIS_URL = services.redisUrl
  project.provide('databaseUrl', services.databaseUrl)
  project.provide('redisUrl', services.redisUrl)
  return async () => {
    await services.stop()
    folder?.remove()
  }
}
