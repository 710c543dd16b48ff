import { createDatabasePool } from '@message-center/core/database/pool.ts'
import type { Pool } from 'mysql2/promise'
import { createTestEnvironment } from './test-environment.ts'

/** A fresh migrated database for the tests of one file, without any process. */
export interface TestDatabase {
  pool: Pool
  /** Variables of a system that uses it, for `readEnv`. */
  variables: Record<string, string>
  remove(): Promise<void>
}

/** @param urls the servers of the test run */
export async function createTestDatabase(urls: { databaseUrl: string; redisUrl: string }): Promise<TestDatabase> {
  const environment = await createTestEnvironment(urls)
  const { variables } = environment
  const databaseUrl = variables.DATABASE_URL ?? ''
  const pool = createDatabasePool({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined })
  return {
    pool,
    variables,
    async remove() {
      await pool.end()
      await environment.remove()
    },
  }
}
