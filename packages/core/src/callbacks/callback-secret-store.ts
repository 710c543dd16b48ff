import { and, desc, eq, isNull, notInArray } from 'drizzle-orm'
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2'
import type { Pool } from 'mysql2/promise'
import { type Actor, type AuditedChange, recordChange } from '../audit/record-change.ts'
import { type ChangeTransaction, changeConfigs } from '../configs/change.ts'
import type { CallbackSecret, NewCallbackSecret } from '../contracts/callbacks.ts'
import { AppError } from '../contracts/errors.ts'
import { type CallbackSecretRow, callbackSecrets } from '../schema/callback-secrets.ts'
import type { Cipher } from '../secrets/cipher.ts'
import { sealSecret } from './sealed-secret.ts'
import { newSigningSecret } from './signature.ts'

export type CallbackSecretStore = ReturnType<typeof createCallbackSecretStore>

interface SecretChange {
  tenantId: string
  actor: Actor
}

/** How long a secret that was replaced still signs. */
export const OVERLAP_MS = 24 * 3_600_000
/**
 * Secrets that sign at once, at most. Two in the usual case; more where one is made again before the receivers know the last
 * one (its answer was lost): then they still verify by an older one.
 */
const MAX_SIGNING = 5

/** The signing secrets of tenants. */
export function createCallbackSecretStore({ pool, cipher }: { pool: Pool; cipher: Cipher }) {
  const db = drizzle(pool)
  return {
    /** Makes a new secret; the one before signs along for 24 h. The answer is the only one that holds it. */
    create({ tenantId, actor }: SecretChange): Promise<NewCallbackSecret> {
      const secret = newSigningSecret()
      return changeConfigs(pool, tenantId, async (transaction) => {
        const before = await newestFirst(transaction.db, tenantId)
        await expireCurrent(transaction.db, tenantId)
        const [{ insertId }] = await transaction.db.insert(callbackSecrets).values({ tenantId, secret: '' })
        const id = String(insertId)
        // The ciphertext is bound to the row's id, which exists only now.
        const sealed = sealSecret(cipher, { id, tenantId }, secret)
        await transaction.db.update(callbackSecrets).set({ secret: sealed }).where(eq(callbackSecrets.id, id))
        await forgetOld(transaction.db, tenantId)
        const after = await newestFirst(transaction.db, tenantId)
        await audit(transaction, actor, tenantId, toAnswer(before), toAnswer(after))
        return { ...answered(after), secret }
      })
    },

    get: async (tenantId: string): Promise<CallbackSecret> => answered(await newestFirst(db, tenantId)),

    /** Takes every secret away at once, those that were replaced as well. */
    remove({ tenantId, actor }: SecretChange): Promise<void> {
      return changeConfigs(pool, tenantId, async (transaction) => {
        const before = answered(await newestFirst(transaction.db, tenantId))
        await transaction.db.delete(callbackSecrets).where(eq(callbackSecrets.tenantId, tenantId))
        await audit(transaction, actor, tenantId, before, null)
      })
    },
  }
}

function newestFirst(db: MySql2Database, tenantId: string): Promise<CallbackSecretRow[]> {
  return db
    .select()
    .from(callbackSecrets)
    .where(eq(callbackSecrets.tenantId, tenantId))
    .orderBy(desc(callbackSecrets.id))
}

async function expireCurrent(db: MySql2Database, tenantId: string): Promise<void> {
  await db
    .update(callbackSecrets)
    .set({ expireTime: new Date(Date.now() + OVERLAP_MS) })
    .where(and(eq(callbackSecrets.tenantId, tenantId), isNull(callbackSecrets.expireTime)))
}

/** Deletes what does not sign any more. */
async function forgetOld(db: MySql2Database, tenantId: string): Promise<void> {
  const kept = signing(await newestFirst(db, tenantId), Date.now()).map(({ id }) => id)
  await db
    .delete(callbackSecrets)
    .where(and(eq(callbackSecrets.tenantId, tenantId), notInArray(callbackSecrets.id, kept)))
}

/**
 * Which of a tenant's secrets sign at a time.
 * @param secrets newest first
 * @param now epoch ms
 */
export function signing<Secret extends Pick<CallbackSecretRow, 'expireTime'>>(
  secrets: readonly Secret[],
  now: number,
): Secret[] {
  return secrets.filter(({ expireTime }) => expireTime === null || expireTime.getTime() > now).slice(0, MAX_SIGNING)
}

function audit(
  { connection }: ChangeTransaction,
  actor: Actor,
  tenantId: string,
  before: CallbackSecret | null,
  after: CallbackSecret | null,
): Promise<void> {
  const action: AuditedChange['action'] = before === null ? 'CREATE' : after === null ? 'DELETE' : 'UPDATE'
  const change = {
    tenantId,
    action,
    objectType: 'CALLBACK_SECRET',
    objectId: 'callback-secret',
    before,
    after,
  } as const
  // The value is in neither state.
  return recordChange(connection, actor, { ...change, alsoChanged: ['secret'] })
}

/** @throws AppError NOT_FOUND where there is none */
function answered(rows: readonly CallbackSecretRow[]): CallbackSecret {
  const answer = toAnswer(rows)
  if (!answer) throw new AppError('NOT_FOUND', 'there is no callback secret; POST /api/callback-secret makes one')
  return answer
}

function toAnswer([current, previous]: readonly CallbackSecretRow[]): CallbackSecret | null {
  if (!current) return null
  const until = previous?.expireTime ?? null
  return {
    tenantId: current.tenantId,
    createTime: current.createTime.toISOString(),
    previousUntil: until && until.getTime() > Date.now() ? until.toISOString() : null,
  }
}
