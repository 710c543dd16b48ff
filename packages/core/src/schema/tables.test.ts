import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { is, type SQL } from 'drizzle-orm'
import { getTableConfig, type MySqlColumn, MySqlTable } from 'drizzle-orm/mysql-core'
import type { RowDataPacket } from 'mysql2'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

interface Column {
  type: string
  nullable: boolean
  default: string | null
}

/** The columns of a table by name; MariaDB's spellings are turned into MySQL's. */
async function storedColumns(table: string): Promise<Record<string, Column & { extra: string }>> {
  const [rows] = await database.pool.query<RowDataPacket[]>(
    `SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, IS_NULLABLE AS nullable, COLUMN_DEFAULT AS fallback, EXTRA AS extra
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?`,
    [table],
  )
  return Object.fromEntries(
    rows.map((row) => [
      row.name,
      {
        // MariaDB's JSON is a LONGTEXT with a check.
        type: String(row.type)
          .replace(/^(tinyint|int|bigint)\(\d+\)$/, '$1')
          .replace('longtext', 'json'),
        nullable: row.nullable === 'YES',
        default: plainDefault(row.fallback),
        extra: String(row.extra).toLowerCase().replaceAll('()', '').replace('default_generated', '').trim(),
      },
    ]),
  )
}

function plainDefault(stored: string | null): string | null {
  if (stored === null || stored === 'NULL') return null
  return stored
    .replace(/^'(.*)'$/, '$1')
    .replace(/^current_timestamp(?:\((\d*)\))?$/i, (_, digits) => `CURRENT_TIMESTAMP${digits ? `(${digits})` : ''}`)
}

function declared(column: MySqlColumn): Column {
  const fallback = column.default === undefined ? null : defaultText(column.default)
  return { type: column.getSQLType(), nullable: !column.notNull, default: fallback === 'DEFAULT' ? null : fallback }
}

function defaultText(fallback: unknown): string {
  if (typeof fallback !== 'object') return String(fallback)
  return (fallback as SQL).queryChunks.map((chunk) => (chunk as { value: string[] }).value.join('')).join('')
}

/** Every table that a file of this folder declares. */
async function declaredTables(): Promise<MySqlTable[]> {
  const files = globSync('*.ts', { cwd: fileURLToPath(new URL('.', import.meta.url)) }).filter(
    (file) => !file.endsWith('.test.ts'),
  )
  const modules: Record<string, unknown>[] = await Promise.all(
    files.map((file) => import(`./${file.replace(/\.ts$/, '')}.ts`)),
  )
  return modules.flatMap((module) => Object.values(module)).filter((value) => is(value, MySqlTable))
}

test('each Drizzle table is the table of the migrations, column by column: type, nullability, default', async () => {
  const tables = await declaredTables()
  expect(tables.length).toBeGreaterThanOrEqual(7)
  for (const table of tables) {
    const { name, columns } = getTableConfig(table)
    const stored = await storedColumns(name)
    const told = Object.fromEntries(Object.entries(stored).map(([column, { extra: _, ...facts }]) => [column, facts]))
    expect([name, Object.fromEntries(columns.map((column) => [column.name, declared(column)]))]).toEqual([name, told])
  }
})

test('each index that a Drizzle table declares is there with its columns, and no other', async () => {
  for (const table of await declaredTables()) {
    const { name, indexes } = getTableConfig(table)
    const [rows] = await database.pool.query<RowDataPacket[]>(
      `SELECT INDEX_NAME AS name, MIN(NON_UNIQUE) AS loose, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) AS columns
       FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND INDEX_NAME <> 'PRIMARY' GROUP BY INDEX_NAME`,
      [name],
    )
    const told = indexes.map(({ config }) => [
      config.name,
      config.unique === true,
      config.columns.map((column) => (column as { name: string }).name).join(),
    ])
    expect([name, told.sort()]).toEqual([
      name,
      rows.map((row) => [row.name, Number(row.loose) === 0, row.columns]).sort(),
    ])
  }
})

const NOW = 'CURRENT_TIMESTAMP'
const TIMES = {
  create_time: ['datetime', false, NOW],
  update_time: ['datetime', false, NOW],
  finish_time: ['datetime', true, null],
} as const
const { finish_time: _, ...STAMPS } = TIMES

/** "The tables" of the mission: type, whether NULL is allowed where it says, default. */
const MISSION: Record<
  string,
  Record<string, readonly [type: string, nullable: boolean | 'either', fallback: string | null]>
> = {
  msg_message: {
    id: ['bigint', false, null],
    message_id: ['varchar(64)', false, null],
    tenant_id: ['bigint', false, null],
    store_id: ['bigint', true, null],
    business_type: ['varchar(64)', false, null],
    business_data: ['json', false, null],
    target_channels: ['varchar(255)', true, null],
    status: ['varchar(20)', false, 'PENDING'],
    total_channels: ['int', 'either', '0'],
    success_channels: ['int', 'either', '0'],
    failed_channels: ['int', 'either', '0'],
    ...TIMES,
  },
  msg_channel_task: {
    id: ['bigint', false, null],
    message_id: ['varchar(64)', false, null],
    channel_type: ['varchar(32)', false, null],
    channel_config_id: ['bigint', false, null],
    rendered_content: ['text', true, null],
    status: ['varchar(20)', false, 'PENDING'],
    retry_count: ['int', 'either', '0'],
    max_retry: ['int', 'either', '3'],
    next_retry_time: ['datetime', true, null],
    result_message: ['varchar(500)', 'either', null],
    third_party_response: ['text', 'either', null],
    ...TIMES,
  },
  msg_channel_config: {
    id: ['bigint', false, null],
    tenant_id: ['bigint', false, null],
    store_id: ['bigint', true, null],
    channel_type: ['varchar(32)', false, null],
    channel_name: ['varchar(64)', false, null],
    config_json: ['text', false, null],
    priority: ['int', 'either', '1'],
    enabled: ['tinyint', 'either', '1'],
    rate_limit_count: ['int', 'either', '100'],
    rate_limit_window: ['int', 'either', '60'],
    rate_limit_unit: ['varchar(10)', 'either', 'SECOND'],
    time_window_enabled: ['tinyint', 'either', '0'],
    time_window_start_hour: ['int', 'either', '0'],
    time_window_end_hour: ['int', 'either', '23'],
    ...STAMPS,
  },
  msg_template: {
    id: ['bigint', false, null],
    tenant_id: ['bigint', false, null],
    business_type: ['varchar(64)', false, null],
    channel_type: ['varchar(32)', false, null],
    message_type: ['varchar(32)', false, null],
    template_name: ['varchar(64)', false, null],
    template_content: ['text', false, null],
    enabled: ['tinyint', 'either', '1'],
    ...STAMPS,
  },
}

test.each(Object.entries(MISSION))(
  '%s has the columns of the mission, with its types and defaults',
  async (table, columns) => {
    const stored = await storedColumns(table)
    for (const [name, [type, nullable, fallback]] of Object.entries(columns)) {
      const found = stored[name]
      expect([table, name, found?.type, found?.default]).toEqual([table, name, type, fallback])
      if (nullable !== 'either') expect([table, name, found?.nullable]).toEqual([table, name, nullable])
    }
    expect([stored.id?.extra, stored.update_time?.extra]).toEqual(['auto_increment', 'on update current_timestamp'])
  },
)

test('message ids are unique within their tenant and case-sensitive, in the database itself', async () => {
  const insert = (tenantId: string, messageId: string) =>
    database.pool.query(
      'INSERT INTO msg_message_key (tenant_id, message_id, create_time, content_hash, flush_id) VALUES (?, ?, UTC_TIMESTAMP(), ?, ?)',
      [tenantId, messageId, 'h'.repeat(64), 'f'.repeat(36)],
    )
  await insert('1', 'id')
  await insert('1', 'ID')
  await insert('2', 'id')
  await expect(insert('1', 'id')).rejects.toMatchObject({ code: 'ER_DUP_ENTRY' })
})
