import { and, asc, count, eq, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2'
import type { Pool } from 'mysql2/promise'
import { type AuditedChange, recordChange } from '../audit/record-change.ts'
import { type ChangeCall, changeConfigs } from '../configs/change.ts'
import { checkIfMatch, type Tagged, versionTag } from '../configs/etag.ts'
import { ROLES, type Role } from '../contracts/caller.ts'
import type { Client, ClientFilters, ClientInput, NewClient } from '../contracts/clients.ts'
import { AppError } from '../contracts/errors.ts'
import type { Page } from '../contracts/pages.ts'
import { type ClientRow, clients } from '../schema/clients.ts'
import { hashClientSecret, newClientId, newClientSecret, rpcTokenOf } from './client-secret.ts'

export type ClientStore = ReturnType<typeof createClientStore>

/** The API clients of tenants: every call names the tenant it acts for, and sees nothing of others. */
export function createClientStore(pool: Pool) {
  const db = drizzle(pool)
  return {
    create({ tenantId, actor }: ChangeCall, input: ClientInput): Promise<Tagged<NewClient>> {
      const clientSecret = newClientSecret()
      const identity = { tenantId, clientId: newClientId(), secretHash: hashClientSecret(clientSecret) }
      return changeConfigs(pool, tenantId, async (transaction) => {
        const [{ insertId }] = await transaction.db.insert(clients).values({ ...toColumns(input), ...identity })
        const created = await find(transaction.db, tenantId, String(insertId))
        await recordChange(transaction.connection, actor, auditOf('CREATE', created, null, created))
        return {
          object: { ...toAnswer(created), clientSecret, rpcToken: rpcTokenOf(created.clientId, clientSecret) },
          etag: versionTag(created.version),
        }
      })
    },

    get: async (tenantId: string, id: string): Promise<Tagged<Client>> => tagged(await find(db, tenantId, id)),

    async list(tenantId: string, { page = 1, pageSize = 20, enabled }: ClientFilters): Promise<Page<Client>> {
      const where = ofTenant(tenantId, enabled === undefined ? undefined : eq(clients.enabled, Number(enabled)))
      const [[counted], rows] = await Promise.all([
        db.select({ total: count() }).from(clients).where(where),
        db
          .select()
          .from(clients)
          .where(where)
          .orderBy(asc(clients.id))
          .limit(pageSize)
          .offset((page - 1) * pageSize),
      ])
      return { total: Number(counted?.total ?? 0), page, pageSize, items: rows.map(toAnswer) }
    },

    /** @throws AppError PRECONDITION_FAILED where `ifMatch` is not of the state that would be replaced */
    replace({ tenantId, actor, ifMatch }: ChangeCall, id: string, input: ClientInput): Promise<Tagged<Client>> {
      return changeConfigs(pool, tenantId, async (transaction) => {
        const row = await find(transaction.db, tenantId, id)
        checkIfMatch(ifMatch, versionTag(row.version))
        await transaction.db
          .update(clients)
          .set({ ...toColumns(input), version: row.version + 1 })
          .where(ofTenant(tenantId, eq(clients.id, id)))
        const replaced = await find(transaction.db, tenantId, id)
        await recordChange(transaction.connection, actor, auditOf('UPDATE', row, row, replaced))
        return tagged(replaced)
      })
    },

    /** @throws AppError PRECONDITION_FAILED where `ifMatch` is not of the state that would be deleted */
    remove({ tenantId, actor, ifMatch }: ChangeCall, id: string): Promise<void> {
      return changeConfigs(pool, tenantId, async (transaction) => {
        const row = await find(transaction.db, tenantId, id)
        checkIfMatch(ifMatch, versionTag(row.version))
        await transaction.db.delete(clients).where(ofTenant(tenantId, eq(clients.id, id)))
        await recordChange(transaction.connection, actor, auditOf('DELETE', row, row, null))
      })
    },

    /** The client with its secret's hash, whatever its tenant; undefined where nobody has this id. */
    async findForLogIn(clientId: string): Promise<ClientRow | undefined> {
      const [row] = await db.select().from(clients).where(eq(clients.clientId, clientId))
      return row
    },

    /** Notes a log-in, at most once a minute: a client that logs in for every call must not write for every call. */
    async noteUse(id: string): Promise<void> {
      await db
        .update(clients)
        .set({ lastUsedTime: sql`UTC_TIMESTAMP()`, updateTime: sql`update_time` })
        .where(
          and(
            eq(clients.id, id),
            or(isNull(clients.lastUsedTime), lt(clients.lastUsedTime, sql`UTC_TIMESTAMP() - INTERVAL 1 MINUTE`)),
          ),
        )
    },
  }
}

async function find(db: MySql2Database, tenantId: string, id: string): Promise<ClientRow> {
  const [row] = await db
    .select()
    .from(clients)
    .where(ofTenant(tenantId, eq(clients.id, id)))
  if (!row) throw new AppError('NOT_FOUND', `there is no client ${id}`)
  return row
}

function ofTenant(tenantId: string, ...conditions: (SQL | undefined)[]): SQL | undefined {
  return and(eq(clients.tenantId, tenantId), ...conditions)
}

function toColumns({ name, roles, enabled = true }: ClientInput) {
  return { name, roles: roles.join(','), enabled: Number(enabled) }
}

/** The roles in a `roles` column. */
export function rolesOf({ roles }: Pick<ClientRow, 'roles'>): Role[] {
  const names = roles.split(',')
  return ROLES.filter((role) => names.includes(role))
}

function auditOf(
  action: AuditedChange['action'],
  { tenantId, id }: ClientRow,
  before: ClientRow | null,
  after: ClientRow | null,
): AuditedChange {
  return {
    tenantId,
    action,
    objectType: 'CLIENT',
    objectId: id,
    before: before && toAnswer(before),
    after: after && toAnswer(after),
  }
}

function tagged(row: ClientRow): Tagged<Client> {
  return { object: toAnswer(row), etag: versionTag(row.version) }
}

function toAnswer({ secretHash: _secret, version: _version, ...row }: ClientRow): Client {
  return {
    ...row,
    roles: rolesOf(row),
    enabled: row.enabled === 1,
    lastUsedTime: row.lastUsedTime?.toISOString() ?? null,
    createTime: row.createTime.toISOString(),
    updateTime: row.updateTime.toISOString(),
  }
}
