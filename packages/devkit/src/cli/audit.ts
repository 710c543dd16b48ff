import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { judgeAudit } from '../audit/audit-report.ts'
import { say } from '../services/progress.ts'
import { workspaceRoot } from '../services/workspace.ts'

/** A registry that says nothing for so long counts as away. */
const TIMEOUT_MS = 60_000

/** `npm run audit`: fails where the registry knows a grave vulnerability of a package that is shipped. */
async function main(): Promise<number> {
  const { packageManager } = JSON.parse(readFileSync(join(workspaceRoot, 'package.json'), 'utf8'))
  const { output, trouble } = await run('npx', ['--yes', packageManager, 'audit', '--json', '--pm-on-fail=ignore'])
  const verdict = judgeAudit(output)
  if (verdict === undefined) {
    say(`skipped: the registry does not tell of vulnerabilities (${trouble})`)
    return 0
  }
  for (const line of [...verdict.notes, ...verdict.failures]) say(line)
  return verdict.failures.length === 0 ? 0 : 1
}

/** pnpm's exit code is the same for vulnerabilities and for a registry that is away: its output decides. */
function run(command: string, args: string[]): Promise<{ output: string; trouble: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: workspaceRoot, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      const reason = stderr.replaceAll(/[\s×│├─▶╰]+/g, ' ').trim() || (error?.killed ? 'no answer' : error?.message)
      resolve({ output: stdout, trouble: reason ?? 'no report' })
    })
  })
}

process.exitCode = await main()
