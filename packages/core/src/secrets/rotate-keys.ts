import type { Pool, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { secretBinding } from '../callbacks/sealed-secret.ts'
import { bindingOf } from '../configs/channel-config-secrets.ts'
import { type Cipher, CipherError } from './cipher.ts'

/** Columns that hold encrypted values, each with what binds a value to its row. */
const SEALED_COLUMNS = [
  { table: 'msg_channel_config', column: 'config_json', bindingOf },
  { table: 'msg_callback_secret', column: 'secret', bindingOf: secretBinding },
] as const
type SealedColumn = (typeof SEALED_COLUMNS)[number]

interface SealedRow {
  id: string
  tenantId: string
  value: string
}

/** What became of the encrypted values. */
export interface Rotation {
  /** Encrypted with the current key now. */
  rotated: number
  /** Were so already, or were changed and thereby encrypted anew by somebody else meanwhile. */
  current: number
  /** What could not be decrypted, and why; left as it is. */
  failures: { table: string; id: string; reason: string }[]
}

const BATCH = 200

/**
 * Encrypts anew what is not encrypted with the current key, in batches, beside a running system. A value is replaced only
 * while it is the one that was read, so no change of somebody else is lost; what it says, its version and its
 * update_time stay. Nothing that caches a value needs to know: all keys decrypt.
 * @param currentKeyId id of the first key of CONFIG_ENCRYPTION_KEYS, by which `cipher` encrypts
 */
export async function rotateKeys(pool: Pool, cipher: Cipher, currentKeyId: string): Promise<Rotation> {
  const rotation: Rotation = { rotated: 0, current: 0, failures: [] }
  for (const sealed of SEALED_COLUMNS) {
    for await (const row of sealedRows(pool, sealed)) {
      try {
        const rotated = await renew(pool, cipher, currentKeyId, sealed, row)
        if (rotated) rotation.rotated++
        else rotation.current++
      } catch (error) {
        if (!(error instanceof CipherError)) throw error
        rotation.failures.push({ table: sealed.table, id: row.id, reason: error.message })
      }
    }
  }
  return rotation
}

async function* sealedRows(pool: Pool, { table, column }: SealedColumn): AsyncGenerator<SealedRow> {
  for (let after = '0'; ; ) {
    const [rows] = await pool.query<RowDataPacket[]>(
      `SELECT id, tenant_id AS tenantId, ${column} AS value FROM ${table} WHERE id > ? ORDER BY id LIMIT ${BATCH}`,
      [after],
    )
    for (const { id, tenantId, value } of rows) yield { id, tenantId, value }
    const last = rows.at(-1)
    if (!last || rows.length < BATCH) return
    after = last.id
  }
}

/** @returns whether it was this that encrypted the value anew */
async function renew(
  pool: Pool,
  cipher: Cipher,
  currentKeyId: string,
  { table, column, bindingOf: binding }: SealedColumn,
  row: SealedRow,
): Promise<boolean> {
  for (let value: string | undefined = row.value; value !== undefined; ) {
    if (cipher.keyIdOf(value) === currentKeyId) return false
    const renewed = cipher.encrypt(cipher.decrypt(value, binding(row)), binding(row))
    const [{ affectedRows }] = await pool.query<ResultSetHeader>(
      `UPDATE ${table} SET ${column} = ?, update_time = update_time WHERE id = ? AND ${column} = ?`,
      [renewed, row.id, value],
    )
    if (affectedRows === 1) return true
    const [again] = await pool.query<RowDataPacket[]>(`SELECT ${column} AS value FROM ${table} WHERE id = ?`, [row.id])
    value = again[0]?.value
  }
  return false
}
