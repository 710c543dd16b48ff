import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { leaksIn, rememberSecrets } from '../testing/leaks.ts'
import { logTexts } from '../testing/stored-text.ts'

// Each test starts the whole system at least once.
vi.setConfig({ testTimeout: 300_000 })

const START = fileURLToPath(new URL('./start.ts', import.meta.url))
const WAIT = { timeout: 120_000, interval: 100 }
let dataDir: string

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'start-'))
})
afterAll(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }))

interface Run {
  child: ChildProcess
  output: () => string
  code: Promise<number | null>
}

/** `npm start` behind the bootstrap, with servers of its own and its data in `dataDir`. */
function start(): Run {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...env } = process.env
  const child = spawn(process.execPath, [START], {
    env: { ...env, DATA_DIR: dataDir },
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

/** Waits for the last line of a start that went well; one that ended says why. */
async function running(run: Run): Promise<string> {
  await vi.waitFor(() => {
    if (run.child.exitCode === null) expect(run.output()).toContain('Ctrl-C stops everything')
  }, WAIT)
  if (run.child.exitCode !== null) throw new Error(run.output())
  return run.output()
}

const found = (output: string, pattern: RegExp) => pattern.exec(output)?.[1] ?? ''
const apiUrl = (output: string) => found(output, /API +(http:\S+)/)
const sandboxUrl = (output: string) => found(output, /sandbox\) +(http:\S+)\//)

/** Everything that a run has started is gone: its servers by their data folder, its processes by their ports. */
async function expectNothingLeft(output: string): Promise<void> {
  await vi.waitFor(async () => {
    expect(execFileSync('ps', ['-Ao', 'args'], { encoding: 'utf8' })).not.toContain(dataDir)
    for (const url of [apiUrl(output), sandboxUrl(output), found(output, /and (http:\S+)\/metrics/)]) {
      await expect(fetch(url)).rejects.toThrow('fetch failed')
    }
  }, WAIT)
}

/** What the printed command would send, read by a real shell. */
function printedCommand(output: string): { url: string; headers: Record<string, string>; body: string } {
  const command = output.split('\n').find((line) => line.startsWith('curl ')) ?? ''
  const words = execFileSync('sh', ['-c', command.replace('curl', "printf '%s\\0'")], { encoding: 'utf8' }).split('\0')
  const after = (option: string) => words.filter((_, index) => words[index - 1] === option)
  const headers = Object.fromEntries(after('-H').map((header) => header.split(': ')))
  return { url: words.find((word) => word.startsWith('http')) ?? '', headers, body: after('-d').join('') }
}

test('shows a message on all three channels, and everything it prints works', async () => {
  const run = start()
  const output = await running(run)
  expect(output).toContain('3 channel configs and 3 templates made')
  expect(output).toMatch(/message \S+: SUCCESS\n\s+CHANNEL.*\n(\s+(DINGTALK|WECHAT_WORK|LOCAL)\s+SUCCESS.*\n){3}/)
  expect(statSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600)

  const { url, headers, body } = printedCommand(output)
  expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(202)
  for (const page of [`${apiUrl(output)}/docs`, `${apiUrl(output)}/health/ready`, sandboxUrl(output)]) {
    expect((await fetch(page)).status).toBe(200)
  }

  const second = start()
  expect(await second.code).toBe(1)
  expect(second.output()).toBe(`npm start runs already: process ${run.child.pid}, ${apiUrl(output)}\n`)

  run.child.kill('SIGINT')
  expect(await run.code).toBe(0)
  const stops = [...run.output().matchAll(/stopping (API|Worker|Provider sandbox|Redis|Valkey|MariaDB|MySQL)$/gm)]
  expect(stops.map(([, name]) => name).slice(0, 3)).toEqual(['API', 'Worker', 'Provider sandbox'])
  expect(stops).toHaveLength(5)
  await expectNothingLeft(output)

  const secrets: Record<string, string> = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8'))
  rememberSecrets(...Object.values(secrets), secrets.CONFIG_ENCRYPTION_KEYS?.split(':')[1])
  expect([...logTexts(dataDir)].length).toBeGreaterThan(4)
  expect(await leaksIn(logTexts(dataDir))).toEqual([])
})

test('finds everything again, and leaves nothing behind when it is killed', async () => {
  const run = start()
  const output = await running(run)
  expect(output).toContain('0 channel configs and 0 templates made')
  run.child.kill('SIGKILL')
  await run.code
  await expectNothingLeft(output)
})

test('a start right after a killed one works, and ends with an error when one of its processes dies', async () => {
  const killed = start()
  await running(killed)
  killed.child.kill('SIGKILL')
  await killed.code
  const run = start()
  const output = await running(run)
  const worker = Number(found(execFileSync('ps', ['-Ao', 'pid,ppid,args'], { encoding: 'utf8' }), workerOf(run)))
  process.kill(worker, 'SIGKILL')
  expect(await run.code).toBe(1)
  expect(run.output()).toContain('Worker ended unexpectedly (SIGKILL)')
  await expectNothingLeft(output)
})

/** Finds the worker's process id in a process list: the child of the guard that is the run's child. */
function workerOf(run: Run): RegExp {
  const list = execFileSync('ps', ['-Ao', 'pid,ppid,args'], { encoding: 'utf8' })
  const guard = found(list, new RegExp(`^ *(\\d+) +${run.child.pid} .*guard\\.ts .*apps/worker`, 'm'))
  return new RegExp(`^ *(\\d+) +${guard} `, 'm')
}
