import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { killGuarded, runGuarded, stopGuarded } from '../services/guarded-process.ts'
import { say, step } from '../services/progress.ts'
import { startServices } from '../services/services.ts'
import { onShutdownRequest } from '../services/shutdown-request.ts'
import { workspaceRoot } from '../services/workspace.ts'
import { createTestDataDir, type TestDataDir } from '../testing/test-data-dir.ts'
import { countTests, type TestCount } from '../testing/vitest-report.ts'

const BIN = join(workspaceRoot, 'node_modules/.bin')
const ENV = { ...process.env, PATH: [BIN, process.env.PATH].join(delimiter) }

interface Check {
  title: string
  /** From node_modules/.bin. */
  command: string
  args: string[]
  /** What it prints is for people also where it succeeds. */
  tells?: boolean
}

/** Everything besides the tests themselves. */
const CHECKS: Check[] = [
  { title: 'Lint and format (biome)', command: 'biome', args: ['ci'] },
  { title: 'Types (tsc)', command: 'tsc', args: ['--noEmit', '--project', '.'] },
  {
    title: 'Who may import whom (dependency-cruiser)',
    command: 'depcruise',
    args: ['--config', '.dependency-cruiser.mjs', 'apps', 'packages', 'examples'],
  },
  { title: 'Unused files, exports, dependencies (knip)', command: 'knip', args: [] },
  { title: 'Every module loads in plain Node', command: 'node', args: ['packages/devkit/src/cli/import-check.ts'] },
  {
    title: 'Known vulnerabilities (pnpm audit)',
    command: 'node',
    args: ['packages/devkit/src/cli/audit.ts'],
    tells: true,
  },
]

/** `npm test`: every check and every test; with arguments, only vitest with these. Answers with the exit code. */
async function main(folder: TestDataDir, vitestArgs: string[]): Promise<number> {
  const count: TestCount = { passed: 0, failed: 0 }
  if (vitestArgs.length === 0) {
    for (const check of CHECKS) if (!(await runCheck(check, folder))) count.failed += 1
  }
  const tests = await runTests(folder, vitestArgs.length === 0 ? ['--coverage'] : vitestArgs)
  count.passed += tests.passed
  count.failed += tests.failed
  folder.remove()
  say(`${count.passed} passed, ${count.failed} failed`)
  return count.failed === 0 ? 0 : 1
}

async function runCheck({ title, command, args, tells }: Check, folder: TestDataDir): Promise<boolean> {
  const log = join(folder.path, 'check.log')
  try {
    await step(title, async (note) => {
      const { code } = await runGuarded({
        name: title,
        command: join(BIN, command),
        args,
        cwd: workspaceRoot,
        env: ENV,
        log,
      })
      const output = readFileSync(log, 'utf8').trim()
      if (code !== 0) throw new Error(output)
      if (tells && output !== '') output.split('\n').forEach(note)
    })
    return true
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    return false
  }
}

async function runTests(folder: TestDataDir, args: string[]): Promise<TestCount> {
  try {
    const services = await step('MySQL and Redis', (progress) =>
      startServices({ dataDir: folder.path, progress, keepData: false }),
    )
    const env = { ...ENV, DATABASE_URL: services.databaseUrl, REDIS_URL: services.redisUrl }
    try {
      return await step('Tests (vitest)', () => runVitest(folder, args, env), {
        summary: ({ passed, failed }) => `${passed} passed, ${failed} failed`,
        succeeded: ({ failed }) => failed === 0,
      })
    } finally {
      await services.stop()
    }
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    return { passed: 0, failed: 1 }
  }
}

async function runVitest(folder: TestDataDir, args: string[], env: NodeJS.ProcessEnv): Promise<TestCount> {
  const report = join(folder.path, 'vitest.json')
  const { code } = await runGuarded({
    name: 'vitest',
    command: join(BIN, 'vitest'),
    args: ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    cwd: workspaceRoot,
    env,
  })
  return countTests(existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined, code === 0)
}

const folder = createTestDataDir()
onShutdownRequest(
  async (reason) => {
    say(`${reason}: stopping`)
    await stopGuarded(() => {})
    folder.remove()
    process.exit(130)
  },
  () => {
    killGuarded()
    process.exit(130)
  },
)
process.exit(await main(folder, process.argv.slice(2)))
