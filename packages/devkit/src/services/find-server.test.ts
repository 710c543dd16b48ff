import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findExecutable, findMysql, findRedis } from './find-server.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'find-'))
  for (const [name, mode] of [
    ['a/one', 0o644],
    ['b/two', 0o755],
    ['c/one', 0o755],
  ] as const) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), '')
    chmodSync(join(folder, name), mode)
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

test('finds the first executable of PATH that has one of the names', () => {
  const path = ['', 'a', 'b', 'c'].map((name) => join(folder, name)).join(delimiter)
  expect(findExecutable(['one'], path)).toBe(join(folder, 'c/one'))
  expect(findExecutable(['one', 'two'], path)).toBe(join(folder, 'b/two'))
  expect(findExecutable(['three-that-nobody-has'], path)).toBeUndefined()
})

test('finds this machine’s servers with product and version, also with an empty PATH', async () => {
  const mysql = await findMysql()
  expect(['MySQL', 'MariaDB']).toContain(mysql?.product)
  expect(mysql?.version).toMatch(/^\d+\.\d+\.\d+$/)
  const redis = await findRedis()
  expect(['Redis', 'Valkey']).toContain(redis?.product)
  expect(redis?.version).toMatch(/^\d+\.\d+\.\d+$/)
  expect(findExecutable(['redis-server', 'valkey-server'], '')).toBeDefined()
})
