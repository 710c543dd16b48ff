import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { workspaceRoot } from '../services/workspace.ts'
import { moduleFiles } from '../testing/module-files.ts'

// Imports every module as plain Node does: vitest transforms code and would hide what Node itself cannot load.
const files = moduleFiles()
const failures: string[] = []
for (const file of files) {
  try {
    await import(pathToFileURL(join(workspaceRoot, file)).href)
  } catch (error) {
    failures.push(`${file}: ${error instanceof Error ? error.stack : error}`)
  }
}
for (const failure of failures) process.stderr.write(`${failure}\n`)
process.stdout.write(`${files.length - failures.length} of ${files.length} modules can be imported\n`)
process.exit(failures.length === 0 ? 0 : 1)
