import { SCHEMA_LOCK } from '../database/migrate.ts'
import { releaseNamedLock, takeNamedLock } from '../database/named-lock.ts'
import { connectDatabase, databaseName } from '../database/pool.ts'
import { leaveIdGap } from '../schema/leave-id-gap.ts'
import { readDatabaseEnv } from '../settings/env.ts'

/** `npm run after-restore`: what a database that was restored from a dump needs before anybody uses it (docs/operations.md). */
async function main(): Promise<void> {
  const env = readDatabaseEnv()
  const connection = await connectDatabase(env)
  try {
    // Not beside a migration, which alters the same tables.
    if (!(await takeNamedLock(connection, SCHEMA_LOCK, 60))) throw new Error('another process is changing the schema')
    const tables = await leaveIdGap(connection)
    await releaseNamedLock(connection, SCHEMA_LOCK)
    process.stdout.write(
      `database ${databaseName(env)}: ${tables.size} tables give out no id that was given out before\n`,
    )
  } finally {
    await connection.end()
  }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`after-restore: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
