import { join } from 'node:path'
import { runGuarded } from '../services/guarded-process.ts'
import { provideOpsTools } from '../services/ops-tools.ts'
import { step } from '../services/progress.ts'
import { runCommand } from '../services/run-command.ts'
import { workspaceRoot } from '../services/workspace.ts'

/**
 * `npm run test:ops`: the tests that run Prometheus, Alertmanager and nginx, which are installed first where that can be done.
 * Arguments go to vitest.
 */
async function main(args: string[]): Promise<number> {
  await step('Prometheus, Alertmanager, nginx', provideOpsTools)
  const { code } = await runGuarded({
    name: 'Tests',
    command: process.execPath,
    args: [join(workspaceRoot, 'packages/devkit/src/cli/test.ts'), '--config', 'vitest.ops.config.ts', ...args],
  })
  return code ?? 1
}

await runCommand(() => main(process.argv.slice(2)))
