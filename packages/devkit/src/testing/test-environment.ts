import { randomBytes, randomUUID } from 'node:crypto'
import type { Role } from '@message-center/core/contracts/caller.ts'
import { migrateDatabase } from '@message-center/core/database/migrate.ts'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { signToken, type TokenClaims } from '../demo/token.ts'

/** The environment of a system of its own: a fresh migrated database and a key prefix that nobody else uses. */
export interface TestEnvironment {
  /** Variables for `readEnv` or for a process. */
  variables: Record<string, string>
  /** A token that the system accepts. */
  token(claims?: Partial<TokenClaims>): string
  /** Drops the database. */
  remove(): Promise<void>
}

const ALL_ROLES: Role[] = ['admin', 'sender', 'viewer']

/**
 * @param urls the servers to use: those of the test run, or a test's own
 * @param variables replace or add to the environment
 */
export async function createTestEnvironment(
  urls: { databaseUrl: string; redisUrl: string },
  variables: Record<string, string> = {},
): Promise<TestEnvironment> {
  const name = `mc_test_${randomUUID().replaceAll('-', '')}`
  const server = { databaseUrl: urls.databaseUrl, databaseSsl: 'off' as const, databaseSslCa: undefined }
  const admin = await connectDatabase(server, { database: false })
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  await admin.query(`USE ${name}`)
  await migrateDatabase(admin)
  await admin.end()
  const databaseUrl = new URL(urls.databaseUrl)
  databaseUrl.pathname = `/${name}`
  const secret = randomBytes(32).toString('hex')
  return {
    variables: {
      DATABASE_URL: databaseUrl.href,
      REDIS_URL: urls.redisUrl,
      QUEUE_PREFIX: `{${name}}`,
      JWT_SECRET: secret,
      CONFIG_ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      ...variables,
    },
    token: (claims = {}) => signToken(secret, { sub: 'tester', tenantId: '1', roles: ALL_ROLES, ...claims }, 3600),
    async remove() {
      const connection = await connectDatabase(server, { database: false })
      await connection.query(`DROP DATABASE IF EXISTS ${name}`)
      await connection.end()
    },
  }
}
