import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ownerRecord } from '../../bin/lock-file.mjs'
import { type GuardedOptions, runGuarded, startGuarded } from './guarded-process.ts'

const MODULE = fileURLToPath(new URL('./guarded-process.ts', import.meta.url))
const WAIT = { timeout: 20_000, interval: 25 }
let folder: string
let log: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guard-'))
  log = join(folder, 'child.log')
})
afterEach(() => rmSync(folder, { recursive: true }))

const runs = (pid: number) => ownerRecord(pid).identity !== undefined
const gone = (pid: number) => vi.waitFor(() => expect(runs(pid)).toBe(false), WAIT)
const logged = (text: string) => vi.waitFor(() => expect(readFileSync(log, 'utf8')).toContain(text), WAIT)

function script(code: string): Pick<GuardedOptions, 'name' | 'command' | 'args' | 'log'> {
  return { name: 'child', command: process.execPath, args: ['--eval', code], log }
}

const FOREVER = 'setInterval(() => {}, 1000); console.log("up")'
const DEAF = `process.on("SIGTERM", () => {}); ${FOREVER}`

/** A process that starts a guarded child, tells its id, and lives on. */
async function startParent(childCode: string, graceMs: number): Promise<{ parent: ChildProcess; childPid: number }> {
  const options = { ...script(childCode), graceMs }
  const code = `
    import { startGuarded } from ${JSON.stringify(MODULE)}
    const { pid } = await startGuarded(${JSON.stringify(options)})
    console.log(pid)`
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(parent.stdout ?? parent, 'data')
  return { parent, childPid: Number(String(line)) }
}

test.each([
  ['SIGKILL', FOREVER],
  ['SIGTERM', FOREVER],
  ['SIGKILL', DEAF],
] as const)('a parent that dies by %s takes its child along', async (signal, childCode) => {
  const { parent, childPid } = await startParent(childCode, 300)
  await logged('up')
  expect(runs(childPid)).toBe(true)
  parent.kill(signal)
  await gone(childPid)
})

test('a child that does not heed SIGTERM is killed after the grace, with what it started', async () => {
  const code = `
    const { spawn } = require("node:child_process")
    const child = spawn(process.execPath, ["--eval", ${JSON.stringify(DEAF)}], { stdio: "inherit" })
    process.on("SIGTERM", () => {})
    console.log("grandchild=" + child.pid + ";")`
  const guarded = await startGuarded({ ...script(code), graceMs: 300 })
  await logged('up')
  const grandchild = Number(/grandchild=(\d+);/.exec(readFileSync(log, 'utf8'))?.[1])
  expect(runs(grandchild)).toBe(true)
  expect(await guarded.stop()).toEqual({ code: null, signal: 'SIGKILL' })
  await gone(guarded.pid)
  await gone(grandchild)
})

test('stop gives a child the time to end by itself and answers with how it ended', async () => {
  const guarded = await startGuarded(script(`process.on("SIGTERM", () => process.exit(7)); ${FOREVER}`))
  await logged('up')
  expect(await guarded.stop()).toEqual({ code: 7, signal: null })
  expect(await guarded.stop()).toEqual({ code: 7, signal: null })
})

test('the end of a child from outside is seen', async () => {
  const guarded = await startGuarded(script(FOREVER))
  process.kill(guarded.pid, 'SIGKILL')
  expect(await guarded.exited).toEqual({ code: null, signal: 'SIGKILL' })
})

test('when the guard itself is killed, the parent ends the child', async () => {
  const guarded = await startGuarded(script('console.log("ppid=" + process.ppid + ";"); setInterval(() => {}, 1000)'))
  await logged(';')
  process.kill(Number(/ppid=(\d+);/.exec(readFileSync(log, 'utf8'))?.[1]), 'SIGKILL')
  expect(await guarded.exited).toEqual({ code: null, signal: 'SIGKILL' })
  await gone(guarded.pid)
})

test('the command for afterwards runs when the child has ended, also when the parent is gone', async () => {
  const afterwards = { command: 'sh', args: ['-c', `echo cleaned up`] }
  expect(await runGuarded({ ...script('console.log("work")'), afterwards })).toEqual({ code: 0, signal: null })
  expect(readFileSync(log, 'utf8')).toBe('work\ncleaned up\n')
})

test('a command that does not exist is an error with its name', async () => {
  await expect(startGuarded({ name: 'Ghost', command: join(folder, 'ghost'), args: [], log })).rejects.toThrow(
    /Ghost.*ENOENT/,
  )
})

test('a log is started anew unless it is to be appended to', async () => {
  await runGuarded(script('console.log(1)'))
  await runGuarded({ ...script('console.log(2)'), append: true })
  expect(readFileSync(log, 'utf8')).toBe('1\n2\n')
  await runGuarded(script('console.log(3)'))
  expect(readFileSync(log, 'utf8')).toBe('3\n')
})
