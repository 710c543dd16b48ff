import { join } from 'node:path'
import { provideChromium } from '../services/chromium.ts'
import { runGuarded } from '../services/guarded-process.ts'
import { step } from '../services/progress.ts'
import { runCommand } from '../services/run-command.ts'
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

await runCommand(main)
