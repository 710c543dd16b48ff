import { createDatabasePool } from '../database/pool.ts'
import { createCipher } from '../secrets/cipher.ts'
import { rotateKeys } from '../secrets/rotate-keys.ts'
import { readDatabaseEnv, readEncryptionKeys } from '../settings/env.ts'

/**
 * `npm run rotate-keys`: encrypts all stored secrets with the first key of CONFIG_ENCRYPTION_KEYS. All running processes
 * must have that key as their first one by then; afterwards the other keys can be taken away.
 */
async function main(): Promise<boolean> {
  const keys = readEncryptionKeys()
  const pool = createDatabasePool(readDatabaseEnv(), 1)
  try {
    const keyId = keys[0]?.kid ?? ''
    const { rotated, current, failures } = await rotateKeys(pool, createCipher(keys), keyId)
    process.stdout.write(
      `key ${keyId}: ${rotated} values encrypted anew, ${current} were so already, ${failures.length} failed\n`,
    )
    for (const { table, id, reason } of failures) process.stderr.write(`${table} ${id}: ${reason}\n`)
    return failures.length === 0
  } finally {
    await pool.end()
  }
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  process.stderr.write(`rotate-keys: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
