import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { workspaceRoot } from '../services/workspace.ts'

/** A small tree with one offence against each rule, and one file that keeps to all of them. */
const FILES = {
  'apps/api/src/main.ts': 'export const api = 1',
  'apps/api/src/good.ts': "import { util } from '../../../packages/core/src/util.ts'\nexport const good = util",
  'apps/worker/src/imports-app.ts': "import type { api } from '../../api/src/main.ts'\nexport type Api = typeof api",
  'apps/worker/src/imports-devkit.ts':
    "import { kit } from '../../../packages/devkit/src/kit.ts'\nexport const worker = kit",
  'apps/worker/src/worker.test.ts':
    "import { kit } from '../../../packages/devkit/src/kit.ts'\nexport const test = kit",
  'packages/devkit/src/kit.ts': "import { util } from '../../core/src/util.ts'\nexport const kit = util",
  'packages/devkit/src/sandbox/main.ts':
    "import type { util } from '../../../core/src/util.ts'\nexport type Util = typeof util",
  'packages/devkit/src/chaos/books.ts': 'export const books = 1',
  'packages/devkit/src/chaos/check-books.ts':
    "import { util } from '../../../core/src/util.ts'\nimport { books } from './books.ts'\nexport const check = [util, books]",
  'packages/core/src/util.ts': 'export const util = 1',
  'packages/core/src/imports-devkit.ts':
    "import type { kit } from '../../devkit/src/kit.ts'\nexport type Kit = typeof kit",
  'packages/core/src/channels/one/index.ts': 'export const one = 1',
  'packages/core/src/channels/two/index.ts': "import { one } from '../one/index.ts'\nexport const two = one",
  'packages/core/src/contracts/a.ts': "import { util } from '../util.ts'\nexport const a = util",
  'packages/core/src/schema/b.ts': "import type { a } from '../contracts/a.ts'\nexport type B = typeof a",
  'packages/core/src/circle/c.ts': "import { d } from './d.ts'\nexport const c = () => d",
  'packages/core/src/circle/d.ts': "import { c } from './c.ts'\nexport const d = () => c",
  'packages/core/src/index.ts': "export { util } from './util.ts'",
  'examples/good/src/index.ts':
    "import type { util } from '../../../packages/core/src/index.ts'\nexport type Util = typeof util",
  'examples/bad/src/index.ts': "import { util } from '../../../packages/core/src/util.ts'\nexport const bad = util",
  'packages/core/src/lost.ts': "import { nowhere } from './nowhere.ts'\nexport const lost = nowhere",
}
const EXPECTED = [
  'apps-import-core-only: apps/worker/src/imports-devkit.ts',
  'channels-do-not-know-each-other: packages/core/src/channels/two/index.ts',
  'chaos-checker-stands-alone: packages/devkit/src/chaos/check-books.ts',
  'core-imports-nothing-of-ours: packages/core/src/imports-devkit.ts',
  'examples-import-what-outsiders-can: examples/bad/src/index.ts',
  'no-cycle: packages/core/src/circle/c.ts',
  'no-unresolvable: packages/core/src/lost.ts',
  'nothing-imports-an-app: apps/worker/src/imports-app.ts',
  'sandbox-imports-nothing-of-ours: packages/devkit/src/sandbox/main.ts',
  'schema-and-contracts-stand-alone: packages/core/src/contracts/a.ts',
  'schema-and-contracts-stand-alone: packages/core/src/schema/b.ts',
]
const CONFIG = '.dependency-cruiser.mjs'
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rules-'))
  for (const [path, content] of Object.entries({ ...FILES, 'package.json': '{"type":"module"}' })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  copyFileSync(join(workspaceRoot, CONFIG), join(folder, CONFIG))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('each rule of .dependency-cruiser.mjs finds its offence, and nothing else is one', () => {
  const { stdout } = spawnSync(
    join(workspaceRoot, 'node_modules/.bin/depcruise'),
    ['--config', CONFIG, '--output-type', 'json', 'apps', 'packages', 'examples'],
    { cwd: folder, encoding: 'utf8' },
  )
  const { summary }: { summary: { violations: { from: string; rule: { name: string; severity: string } }[] } } =
    JSON.parse(stdout)
  expect(summary.violations.map(({ from, rule }) => `${rule.severity} ${rule.name}: ${from}`).sort()).toEqual(
    EXPECTED.map((offence) => `error ${offence}`),
  )
})
