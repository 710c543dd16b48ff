import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

// How the adapter gets to where others run it: plain Node processes, as API and worker are.

const EXAMPLE = fileURLToPath(new URL('..', import.meta.url))
const WORKSPACE = join(EXAMPLE, '../..')
const LOADER = join(WORKSPACE, 'packages/core/src/settings/import-extension.ts')
const folder = mkdtempSync(join(tmpdir(), 'outside-'))
const packageName = `mc-feishu-${randomUUID()}`
const installed = join(WORKSPACE, 'node_modules', packageName)
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(installed, { recursive: true, force: true })
})

/** Loads a module as the service does, in a process that runs in `cwd`, and lets it build a message. */
function load(specifier: string, cwd: string): unknown {
  const script = `
    const { importExtension } = await import(${JSON.stringify(LOADER)})
    const adapter = await importExtension('CHANNEL_ADAPTERS', ${JSON.stringify(specifier)}, () => {})
    const { robot } = adapter.payloads('TEXT', 'hello', { userIds: ['ou_1'], mobiles: [], all: false })
    console.log(JSON.stringify({ type: adapter.type, robot }))`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd, encoding: 'utf8' })
  return JSON.parse(output)
}

const WORKS = { type: 'FEISHU', robot: { msg_type: 'text', content: { text: 'hello\n<at user_id="ou_1"></at>' } } }

test('nothing in apps and packages knows of it', () => {
  const files = globSync('{apps,packages}/*/{src,test,bin}/**/*.{ts,mjs,md,sql,lua}', { cwd: WORKSPACE })
  expect(files.length).toBeGreaterThan(100)
  expect(files.filter((file) => /feishu|飞书/i.test(readFileSync(join(WORKSPACE, file), 'utf8')))).toEqual([])
})

test('the folder itself can be named', () => {
  expect(load('./examples/feishu-adapter', WORKSPACE)).toEqual(WORKS)
})

test('the folder runs wherever it is copied to, as TypeScript and with nothing installed', () => {
  const copy = join(folder, 'my-feishu')
  cpSync(EXAMPLE, copy, { recursive: true, filter: (path) => !path.includes('node_modules') })
  expect(load('./my-feishu', folder)).toEqual(WORKS)
  expect(load(join(copy, 'src/index.ts'), '/')).toEqual(WORKS)
})

test('compiled to JavaScript and installed as a package, it is found by its name', () => {
  const { publishConfig, ...manifest } = JSON.parse(readFileSync(join(EXAMPLE, 'package.json'), 'utf8'))
  mkdirSync(installed)
  // What `pnpm publish` makes of it.
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ ...manifest, ...publishConfig, name: packageName }))
  const tsc = join(WORKSPACE, 'node_modules/.bin/tsc')
  const project = ['--project', join(EXAMPLE, 'tsconfig.build.json'), '--outDir', join(installed, 'dist')]
  execFileSync(tsc, project, { encoding: 'utf8' })
  expect(load(packageName, WORKSPACE)).toEqual(WORKS)
})
