import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isAlive, ownerRecord, readLock, tryLock } from './lock-file.mjs'

const run = promisify(execFile)
const MODULE = fileURLToPath(new URL('./lock-file.mjs', import.meta.url))
let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'))
  path = join(folder, 'deep', 'run.lock')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** The id and start time of a process that ran and ended. */
async function deadOwner(): Promise<object> {
  const script = `import { ownerRecord } from ${JSON.stringify(MODULE)}; console.log(JSON.stringify(ownerRecord(process.pid)))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script])
  return JSON.parse(stdout)
}

test('the second one learns who holds the lock and what that one tells', () => {
  const first = tryLock(path, { url: 'http://a' })
  expect(first).toHaveProperty('lock')
  expect(tryLock(path)).toMatchObject({ holder: { pid: process.pid, url: 'http://a' } })
  if ('lock' in first) {
    first.lock.update({ url: 'http://b' })
    expect(readLock(path)).toMatchObject({ pid: process.pid, url: 'http://b' })
    first.lock.release()
  }
  expect(readLock(path)).toBeUndefined()
  expect(tryLock(path)).toHaveProperty('lock')
})

test('a dead process, a process id given out anew and a torn file hold nothing', async () => {
  tryLock(path)
  for (const content of [
    JSON.stringify(await deadOwner()),
    JSON.stringify({ pid: process.pid, identity: 'started at another time' }),
    '{"pid":',
  ]) {
    writeFileSync(path, content)
    expect(readLock(path)).toBeUndefined()
    expect(tryLock(path)).toHaveProperty('lock')
    expect(readLock(path)?.pid).toBe(process.pid)
  }
})

test('release leaves a lock alone that has become somebody else’s', () => {
  const mine = tryLock(path)
  writeFileSync(path, JSON.stringify({ pid: 1, identity: 'other' }))
  if ('lock' in mine) mine.lock.release()
  expect(JSON.parse(readFileSync(path, 'utf8')).pid).toBe(1)
})

test('of many processes that find a stale lock at once, exactly one gets it', async () => {
  tryLock(path)
  const stale = JSON.stringify(await deadOwner())
  const start = Date.now() + 1_000
  // Each takes the lock at the same moment and keeps it until all have tried.
  const script = `
    import { tryLock } from ${JSON.stringify(MODULE)}
    while (Date.now() < ${start});
    console.log('lock' in tryLock(${JSON.stringify(path)}) ? 'won' : 'lost')
    setTimeout(() => {}, ${start} + 2_000 - Date.now())`
  writeFileSync(path, stale)
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, () => run(process.execPath, ['--input-type=module', '--eval', script])),
  )
  expect(outcomes.map(({ stdout }) => stdout.trim()).sort()).toEqual(['lost', 'lost', 'lost', 'lost', 'lost', 'won'])
})

test('isAlive tells this process from none', async () => {
  expect(isAlive(ownerRecord(process.pid))).toBe(true)
  expect(isAlive(await deadOwner())).toBe(false)
  expect(isAlive({})).toBe(false)
})
