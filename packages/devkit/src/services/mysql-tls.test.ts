import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabasePool, type DatabaseEnv } from '@message-center/core/database/pool.ts'
import { EnvError, readDatabaseEnv } from '@message-center/core/settings/env.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MysqlServer, startMysql } from './mysql.ts'

let dir: string
let server: MysqlServer
let ownCa: string
let otherCa: string
let certify: (host: string) => Promise<string[]>

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mysql-tls-'))
  const [own, other] = await Promise.all([authority('own'), authority('other')])
  ownCa = file('ca.pem', own.cert)
  otherCa = file('other-ca.pem', other.cert)
  certify = async (host) => {
    const certificate = await generate([{ name: 'commonName', value: host }], {
      algorithm: 'sha256',
      ca: { key: own.private, cert: own.cert },
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: host }] }],
    })
    const [cert, key] = [file(`${host}.pem`, certificate.cert), file(`${host}-key.pem`, certificate.private)]
    return [`--ssl-ca=${ownCa}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`]
  }
  server = await startMysql({ dir: join(dir, 'mysql'), serverOptions: await certify('localhost') })
}, 300_000)
afterAll(async () => {
  await server.stop()
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
})

async function restartWith(serverOptions: string[]): Promise<void> {
  await server.stop()
  server = await startMysql({ dir: join(dir, 'mysql'), serverOptions })
}

function authority(name: string) {
  return generate([{ name: 'commonName', value: `${name} authority` }], {
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true },
    ],
  })
}

function file(name: string, content: string): string {
  const path = join(dir, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

/** The cipher of a connection through the pool that the processes use; empty without TLS. */
async function cipher(env: Partial<DatabaseEnv>, host = '127.0.0.1'): Promise<string> {
  const url = new URL(server.url)
  url.hostname = host
  url.pathname = '/'
  const pool = createDatabasePool({ databaseUrl: url.href, databaseSsl: 'off', databaseSslCa: undefined, ...env }, 1)
  try {
    const [[row]] = await pool.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    return row?.Value
  } finally {
    await pool.end()
  }
}

test('off is plain; required and verify are encrypted', async () => {
  expect(await cipher({ databaseSsl: 'off' })).toBe('')
  expect(await cipher({ databaseSsl: 'required' })).toMatch(/^(TLS_|ECDHE)/)
  expect(await cipher({ databaseSsl: 'verify', databaseSslCa: ownCa })).toMatch(/^(TLS_|ECDHE)/)
  expect(await cipher({ databaseSsl: 'verify', databaseSslCa: ownCa }, 'localhost')).toMatch(/^(TLS_|ECDHE)/)
})

test('verify refuses a certificate of somebody else’s authority, and one that no authority vouches for', async () => {
  await expect(cipher({ databaseSsl: 'verify', databaseSslCa: otherCa })).rejects.toThrow(/certificate/)
  await expect(cipher({ databaseSsl: 'verify' })).rejects.toThrow(/certificate/)
})

test('verify refuses a good certificate that names another host than DATABASE_URL; an address has no name to compare', async () => {
  await restartWith(await certify('elsewhere.test'))
  await expect(cipher({ databaseSsl: 'verify', databaseSslCa: ownCa }, 'localhost')).rejects.toThrow(/altnames/)
  expect(await cipher({ databaseSsl: 'verify', databaseSslCa: ownCa })).not.toBe('')
})

test('required and verify never fall back to a plain connection', async () => {
  await restartWith([server.name === 'MySQL' ? '--tls-version=' : '--skip-ssl'])
  expect(await cipher({ databaseSsl: 'off' })).toBe('')
  await expect(cipher({ databaseSsl: 'required' })).rejects.toThrow(/secure connection/)
  await expect(cipher({ databaseSsl: 'verify', databaseSslCa: ownCa })).rejects.toThrow(/secure connection/)
})

test('DATABASE_SSL_CA that names no file stops the start', () => {
  const variables = { DATABASE_URL: server.url, DATABASE_SSL: 'verify', DATABASE_SSL_CA: join(dir, 'nothing.pem') }
  expect(() => readDatabaseEnv(variables)).toThrow(EnvError)
})
