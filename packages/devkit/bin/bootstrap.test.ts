import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ownerRecord } from './lock-file.mjs'

const WAIT = { timeout: 20_000, interval: 25 }
let root: string

/** A workspace with a command that says what it sees, and an installer that takes a moment and counts its runs. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bootstrap-'))
  cpSync(dirname(fileURLToPath(import.meta.url)), join(root, 'packages/devkit/bin'), { recursive: true })
  put('package.json', '{"packageManager":"pnpm@1.2.3"}')
  put('pnpm-lock.yaml', 'lock 1')
  put('pnpm-workspace.yaml', '')
  put(
    'path/npx',
    `#!/bin/sh
echo "$*" >> installs
sleep 0.3
if [ -e broken ]; then echo "the registry is away"; exit 3; fi
mkdir -p node_modules/.bin && ln -sf '${process.execPath}' node_modules/.bin/node`,
  )
  chmodSync(join(root, 'path/npx'), 0o755)
  put(
    'packages/devkit/src/cli/say.ts',
    'console.log(process.argv.slice(2).join(" ") satisfies string); process.exit(7)',
  )
  put(
    'packages/devkit/src/cli/stay.ts',
    `for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { console.log(signal); process.exit(0) })
     process.on('disconnect', () => { console.log('alone'); process.exit(0) })
     setInterval(() => {}, 1000)
     console.log('pid=' + process.pid + ';')`,
  )
})
afterEach(() => rmSync(root, { recursive: true }))

function put(file: string, content: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), content)
}

const installs = () => (existsSync(join(root, 'installs')) ? readFileSync(join(root, 'installs'), 'utf8') : '')

interface Run {
  child: ChildProcess
  output: () => string
  code: Promise<number | null>
}

function bootstrap(...args: string[]): Run {
  const child = spawn(process.execPath, [join(root, 'packages/devkit/bin/bootstrap.mjs'), ...args], {
    cwd: root,
    env: { ...process.env, PATH: [join(root, 'path'), process.env.PATH].join(delimiter), npm_lifecycle_event: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  return { child, output: () => output, code: once(child, 'close').then(([code]) => code) }
}

test('installs, hands over on the pinned Node and gives the exit code back; does not install again', async () => {
  const first = bootstrap('say', 'a', 'b')
  expect(await first.code).toBe(7)
  expect(first.output()).toMatch(/installing with pnpm@1\.2\.3[\s\S]*a b/)
  const second = bootstrap('say', 'c')
  expect(await second.code).toBe(7)
  expect(second.output()).toBe('c\n')
  expect(installs()).toBe('--yes pnpm@1.2.3 install --frozen-lockfile --prod=false --pm-on-fail=ignore\n')
})

test('installs again when the lock file or a package.json has changed', async () => {
  await bootstrap('say').code
  put('pnpm-lock.yaml', 'lock 2')
  await bootstrap('say').code
  put('apps/api/package.json', '{}')
  await bootstrap('say').code
  expect(installs().trim().split('\n')).toHaveLength(3)
})

test('two at once install once', async () => {
  const runs = [bootstrap('say'), bootstrap('say'), bootstrap('say')]
  expect(await Promise.all(runs.map(({ code }) => code))).toEqual([7, 7, 7])
  expect(installs().trim().split('\n')).toHaveLength(1)
})

test('an installation that fails shows why, is not taken for done, and is tried again', async () => {
  put('broken', '')
  const failed = bootstrap('say')
  expect(await failed.code).toBe(1)
  expect(failed.output()).toContain('the registry is away')
  rmSync(join(root, 'broken'))
  expect(await bootstrap('say').code).toBe(7)
})

test('an unknown command is refused', async () => {
  const run = bootstrap('../../evil')
  expect(await run.code).toBe(1)
  expect(run.output()).toContain("no command '../../evil'")
})

async function startStaying(): Promise<{ run: Run; pid: number }> {
  const run = bootstrap('stay')
  await vi.waitFor(() => expect(run.output()).toContain(';'), WAIT)
  return { run, pid: Number(/pid=(\d+);/.exec(run.output())?.[1]) }
}

test.each(['SIGINT', 'SIGTERM'] as const)('passes %s on and waits', async (signal) => {
  const { run } = await startStaying()
  run.child.kill(signal)
  expect(await run.code).toBe(0)
  expect(run.output()).toContain(signal)
})

test('a command whose bootstrap was killed notices', async () => {
  const { run, pid } = await startStaying()
  run.child.kill('SIGKILL')
  await vi.waitFor(() => expect(ownerRecord(pid).identity).toBeUndefined(), WAIT)
  await run.code
  expect(run.output()).toContain('alone')
})
