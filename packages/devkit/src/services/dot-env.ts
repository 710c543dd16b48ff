import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadEnvFile } from 'node:process'
import { workspaceRoot } from './workspace.ts'

/** Adds the variables of the workspace's `.env`, if there is one, to the environment; what is set already wins. */
export function loadDotEnv(): void {
  const file = join(workspaceRoot, '.env')
  if (existsSync(file)) loadEnvFile(file)
}
