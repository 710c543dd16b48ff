import { migrateDatabase } from '../database/migrate.ts'
import { connectDatabase, type DatabaseEnv, databaseName } from '../database/pool.ts'
import { EnvError, readDatabaseEnv } from '../settings/env.ts'

/** `npm run migrate`: creates the database if it can, then brings it to the newest schema. */
async function main(env: DatabaseEnv): Promise<void> {
  const name = databaseName(env)
  if (!/^[A-Za-z0-9_$-]{1,64}$/.test(name)) throw new EnvError('DATABASE_URL must end with the name of a database')
  await createDatabase(env, name)
  const connection = await connectDatabase(env)
  try {
    const added = await migrateDatabase(connection)
    process.stdout.write(`database ${name} is at the newest schema (${added.length} partitions added)\n`)
  } finally {
    await connection.end()
  }
}

async function createDatabase(env: DatabaseEnv, name: string): Promise<void> {
  const connection = await connectDatabase(env, { database: false })
  try {
    await connection.query(`CREATE DATABASE IF NOT EXISTS \`${name}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  } catch (error) {
    // A user without the right to create databases may still own this one: connecting to it will tell.
    process.stderr.write(`could not create database ${name}: ${error instanceof Error ? error.message : error}\n`)
  } finally {
    await connection.end()
  }
}

try {
  await main(readDatabaseEnv())
} catch (error) {
  process.stderr.write(`migrate: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
