import { join } from 'node:path'
import { provideChromium } from '../services/chromium.ts'
import { killGuarded, runGuarded, stopGuarded } from '../services/guarded-process.ts'
import { say, step } from '../services/progress.ts'
import { onShutdownRequest } from '../services/shutdown-request.ts'
import { workspaceRoot } from '../services/workspace.ts'

/** The tests that `npm test` leaves out where there is no Chromium. */
const TESTS = 'apps/api/test/browser.test.ts'

/** `npm run test:browser`: Swagger UI and Bull Board in a headless Chromium, which is installed first where that can be done. */
async function main(): Promise<number> {
  await step('Chromium', async (note) => note(await provideChromium(note)))
  const { code } = await runGuarded({
    name: 'Tests',
    command: process.execPath,
    args: [join(workspaceRoot, 'packages/devkit/src/cli/test.ts'), TESTS],
  })
  return code ?? 1
}

onShutdownRequest(
  async (reason) => {
    await stopGuarded((name) => say(`${reason}: stopping ${name}`))
    process.exit(1)
  },
  () => {
    killGuarded()
    process.exit(1)
  },
)
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
