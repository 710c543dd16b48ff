import { globSync } from 'node:fs'
import { sep } from 'node:path'
import { workspaceRoot } from '../services/workspace.ts'

/** By convention `main.ts` and what lies in `cli/` or in the bench's `peers/` run when imported. */
const ENTRY = /\/(main\.ts|(cli|peers)\/[^/]+\.ts)$/
const TEST_OR_DECLARATION = /\.(test|d)\.ts$/

/** The source files of apps and packages that can be imported without anything being run; paths from the workspace's root. */
export function moduleFiles(): string[] {
  const sources = globSync(['apps/*/src/**/*.ts', 'packages/*/src/**/*.ts'], { cwd: workspaceRoot })
  return sources
    .map((file) => file.replaceAll(sep, '/'))
    .filter((file) => !ENTRY.test(file) && !TEST_OR_DECLARATION.test(file))
    .sort()
}
