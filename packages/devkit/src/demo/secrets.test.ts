import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readEnv, requireJwtKey } from '@message-center/core/settings/env.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { demoSecrets } from './secrets.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('are made once, readable by their owner only, and good enough for the processes', () => {
  const file = join(folder, 'data', 'secrets.json')
  const secrets = demoSecrets(file, {})
  expect(demoSecrets(file, {})).toEqual(secrets)
  expect(demoSecrets(join(folder, 'other.json'), {}).JWT_SECRET).not.toBe(secrets.JWT_SECRET)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  requireJwtKey(readEnv({ ...secrets, DATABASE_URL: 'mysql://h/d', REDIS_URL: 'redis://h' }))
})

test('what the environment sets wins, what it leaves empty does not', () => {
  const file = join(folder, 'secrets.json')
  const kept = demoSecrets(file, {})
  const { OPS_USER, JWT_SECRET } = demoSecrets(file, { OPS_USER: 'me', JWT_SECRET: '' })
  expect({ OPS_USER, JWT_SECRET }).toEqual({ OPS_USER: 'me', JWT_SECRET: kept.JWT_SECRET })
})
