import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { unconfinedCopy } from './unconfined-copy.ts'

let folder: string
let server: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'copy-'))
  server = join(folder, 'server')
  writeFileSync(server, 'version 1', { mode: 0o755 })
})
afterEach(() => rmSync(folder, { recursive: true }))

test('runs a server that no profile confines where it is', () => {
  expect(unconfinedCopy(server, join(folder, 'bin'))).toBe(server)
})

test('copies a confined server once, and anew when it has changed', () => {
  const target = join(folder, 'bin')
  const first = unconfinedCopy(server, target, () => true)
  expect(readFileSync(first, 'utf8')).toBe('version 1')
  expect(statSync(first).mode & 0o111).not.toBe(0)
  expect(unconfinedCopy(server, target, () => true)).toBe(first)
  writeFileSync(server, 'version 10')
  const second = unconfinedCopy(server, target, () => true)
  expect(second).not.toBe(first)
  expect(readFileSync(second, 'utf8')).toBe('version 10')
  expect(readdirSync(target)).toHaveLength(2)
})
