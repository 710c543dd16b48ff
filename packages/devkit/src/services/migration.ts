import { join } from 'node:path'
import { runGuarded } from './guarded-process.ts'
import { workspaceRoot } from './workspace.ts'

/**
 * Brings a database to the newest schema, by core's own command.
 * @param log file for its output; without it the output goes where this process writes
 * @returns whether it succeeded
 */
export async function migrateDatabase(databaseUrl: string, log?: string): Promise<boolean> {
  const { code } = await runGuarded({
    name: 'Migration',
    command: process.execPath,
    args: [join(workspaceRoot, 'packages/core/src/cli/migrate.ts')],
    env: { ...process.env, DATABASE_URL: databaseUrl },
    ...(log === undefined ? {} : { log }),
  })
  return code === 0
}
