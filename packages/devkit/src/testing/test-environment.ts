import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Role } from '@message-center/core/contracts/caller.ts'
import { migrateDatabase } from '@message-center/core/database/migrate.ts'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { Redis } from 'ioredis'
import { signToken, type TokenClaims } from '../demo/token.ts'
import { leaksIn, rememberSecrets } from './leaks.ts'
import { mastersOf } from './redis-masters.ts'
import { logTexts, redisTexts, tableTexts } from './stored-text.ts'

/** The environment of a system of its own: a fresh migrated database and a key prefix that nobody else uses. */
export interface TestEnvironment {
  /** Variables for `readEnv` or for a process. */
  variables: Record<string, string>
  /** Where its processes write their logs, each to a file of its own that ends in `.log`. */
  logFolder: string
  /** A token that the system accepts. */
  token(claims?: Partial<TokenClaims>): string
  /**
   * Drops the database, the keys and the logs.
   * @throws Error where one of them holds a secret that the tests used
   */
  remove(): Promise<void>
}

/** Variables that are secret, or hold one. */
const SECRET_VARIABLES = ['JWT_SECRET', 'OPS_PASSWORD', 'METRICS_TOKEN']
const PREFIX = 'mc_test_'
/** Leaks that an error tells of. */
const MOST_SHOWN = 10

const ALL_ROLES: Role[] = ['admin', 'sender', 'viewer']

/**
 * @param urls the servers to use: those of the test run, or a test's own; a node of a Redis Cluster stands for its cluster
 * @param variables replace or add to the environment
 */
export async function createTestEnvironment(
  urls: { databaseUrl: string; redisUrl: string },
  variables: Record<string, string> = {},
): Promise<TestEnvironment> {
  const name = `${PREFIX}${randomUUID().replaceAll('-', '')}`
  const server = { databaseUrl: urls.databaseUrl, databaseSsl: 'off' as const, databaseSslCa: undefined }
  const admin = await connectDatabase(server, { database: false })
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  await admin.query(`USE ${name}`)
  await migrateDatabase(admin)
  await admin.end()
  const databaseUrl = new URL(urls.databaseUrl)
  databaseUrl.pathname = `/${name}`
  const secret = randomBytes(32).toString('hex')
  const logFolder = mkdtempSync(join(tmpdir(), 'message-center-logs-'))
  const masters = await mastersOf(urls.redisUrl)
  const all: Record<string, string> = {
    DATABASE_URL: databaseUrl.href,
    REDIS_URL: urls.redisUrl,
    ...(masters.length > 1 ? { REDIS_CLUSTER_NODES: masters.map((url) => new URL(url).host).join() } : {}),
    QUEUE_PREFIX: `{${name}}`,
    JWT_SECRET: secret,
    CONFIG_ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
    HOST: '127.0.0.1',
    // Tests run side by side: those that want the port choose one.
    RPC_PORT: '',
    // No balancer stands before most of them.
    SHUTDOWN_GRACE_MS: '0',
    LOG_LEVEL: 'warn',
    ...variables,
  }
  rememberSecrets(databaseUrl.password, ...SECRET_VARIABLES.map((variable) => all[variable]))
  rememberSecrets(...(all.CONFIG_ENCRYPTION_KEYS ?? '').split(',').map((key) => key.split(':')[1]))

  async function leaks(): Promise<string[]> {
    const connection = await connectDatabase({ ...server, databaseUrl: databaseUrl.href })
    try {
      return [
        ...(await leaksIn(tableTexts(connection))),
        // Everything but what other tests keep there just now.
        ...(await leaksIn(redisTexts(urls.redisUrl, (key) => !key.includes(PREFIX) || key.includes(name)))),
        ...(await leaksIn(logTexts(logFolder))),
      ]
    } finally {
      await connection.end()
    }
  }
  return {
    variables: all,
    logFolder,
    token: (claims = {}) => signToken(secret, { sub: 'tester', tenantId: '1', roles: ALL_ROLES, ...claims }, 3600),
    async remove() {
      const found = await leaks()
      const connection = await connectDatabase(server, { database: false })
      await connection.query(`DROP DATABASE IF EXISTS ${name}`)
      await connection.end()
      await removeKeys(urls.redisUrl, name)
      rmSync(logFolder, { recursive: true, force: true })
      if (found.length > 0) throw new Error(`secrets have leaked:\n${found.slice(0, MOST_SHOWN).join('\n')}`)
    },
  }
}

/** Removes the keys that hold a name. */
async function removeKeys(redisUrl: string, name: string): Promise<void> {
  for (const master of await mastersOf(redisUrl)) {
    const redis = new Redis(master)
    try {
      for await (const keys of redis.scanStream({ match: `*${name}*`, count: 1000 }) as AsyncIterable<string[]>) {
        // One by one: in a cluster they lie in several slots.
        await Promise.all(keys.map((key) => redis.unlink(key)))
      }
    } finally {
      redis.disconnect()
    }
  }
}
