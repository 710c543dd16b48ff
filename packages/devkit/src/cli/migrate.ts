import { loadDotEnv } from '../services/dot-env.ts'
import { migrateDatabase } from '../services/migration.ts'
import { step } from '../services/progress.ts'
import { runCommand } from '../services/run-command.ts'
import { currentRun, describeRun, lockDataDir } from '../services/run-lock.ts'
import { startServices } from '../services/services.ts'
import { dataDir } from '../services/workspace.ts'

/**
 * `npm run migrate`: the database of DATABASE_URL; without one that of the running `npm start`, or else the one that
 * `npm start` would use, started for as long as it takes.
 */
async function main(): Promise<boolean> {
  loadDotEnv()
  const databaseUrl = process.env.DATABASE_URL || currentRun(dataDir)?.databaseUrl
  if (databaseUrl) return await migrateDatabase(databaseUrl)
  const locked = lockDataDir(dataDir)
  if ('running' in locked) throw new Error(`npm start is just coming up (${describeRun(locked.running)})`)
  try {
    const services = await step('MySQL', (progress) => startServices({ dataDir, progress, only: ['mysql'] }))
    try {
      return await migrateDatabase(services.databaseUrl)
    } finally {
      await services.stop()
    }
  } finally {
    locked.lock.release()
  }
}

await runCommand(async () => ((await main()) ? 0 : 1))
