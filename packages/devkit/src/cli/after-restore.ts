import { join } from 'node:path'
import { loadDotEnv } from '../services/dot-env.ts'
import { runGuarded } from '../services/guarded-process.ts'
import { runCommand } from '../services/run-command.ts'
import { workspaceRoot } from '../services/workspace.ts'

/** `npm run after-restore`: the database of DATABASE_URL, by core's own command. */
async function main(): Promise<number> {
  loadDotEnv()
  if (!process.env.DATABASE_URL) throw new Error('after-restore: set DATABASE_URL to the database that was restored')
  const { code } = await runGuarded({
    name: 'After a restore',
    command: process.execPath,
    args: [join(workspaceRoot, 'packages/core/src/cli/after-restore.ts')],
  })
  return code ?? 1
}

await runCommand(main)
