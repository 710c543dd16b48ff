import { join } from 'node:path'
import { demoSecrets } from '../demo/secrets.ts'
import { loadDotEnv } from '../services/dot-env.ts'
import { runGuarded } from '../services/guarded-process.ts'
import { runCommand } from '../services/run-command.ts'
import { currentRun } from '../services/run-lock.ts'
import { dataDir, workspaceRoot } from '../services/workspace.ts'

/**
 * `npm run rotate-keys`: the secrets in the database of DATABASE_URL, or else in that of the running `npm start`, by
 * core's own command.
 */
async function main(): Promise<number> {
  loadDotEnv()
  const databaseUrl = process.env.DATABASE_URL || currentRun(dataDir)?.databaseUrl
  if (!databaseUrl) throw new Error('rotate-keys: set DATABASE_URL, or run npm start')
  const demo = process.env.DATABASE_URL ? {} : demoSecrets(join(dataDir, 'secrets.json'), process.env)
  const { code } = await runGuarded({
    name: 'Key rotation',
    command: process.execPath,
    args: [join(workspaceRoot, 'packages/core/src/cli/rotate-keys.ts')],
    env: { ...process.env, ...demo, DATABASE_URL: databaseUrl },
  })
  return code ?? 1
}

await runCommand(main)
