import { monthStart } from '@message-center/core/schema/partitions.ts'
import type { Connection, RowDataPacket } from 'mysql2/promise'

/** A system that has run for a year: how much it holds, and for whom. */
export interface AgedData {
  /** Messages, spread evenly over the 12 months before this one and what has passed of it. */
  messages: number
  /** Called after each portion with how many messages there are by then. */
  onProgress?(messages: number): void
}

/** Every second message is tenant 1's, the others are spread over this many. */
const OTHER_TENANTS = 18
/** A kind of message that one tenant in 10,000 messages sends: finding those must not read the others. */
export const RARE_TYPE = 'RARE'
/** The channel of the oldest month only. */
export const FORMER_CHANNEL = 'FORMER'

const PORTION = 50_000
const MONTHS_BACK = 12

/**
 * Fills the tables of a migrated database with final messages, their keys and tasks (one and a half each), inbox rows (one
 * for ten messages) and audit entries (one for fifty), by statements of the server's own: millions in minutes. The rows are about
 * as long as real ones. It goes on where an earlier call was cut off.
 * @param connection one of its own, for its session settings change
 */
export async function fillAgedData(connection: Connection, { messages, onProgress }: AgedData): Promise<void> {
  await connection.query('SET SESSION unique_checks = 0, foreign_key_checks = 0')
  await makeSequence(connection)
  const times = spread(messages)
  for (let first = await filledSoFar(connection); first < messages; first += PORTION) {
    const count = Math.min(PORTION, messages - first)
    await connection.query('START TRANSACTION')
    for (const statement of portionStatements(times)) await connection.query(statement, [first, count])
    await connection.query('COMMIT')
    onProgress?.(first + count)
  }
  await connection.query('DROP TABLE aged_sequence')
  await connection.query(
    `ANALYZE TABLE msg_message, msg_message_key, msg_channel_task, msg_inbox, msg_inbox_read, msg_audit_log`,
  )
  await connection.query('SET SESSION unique_checks = 1, foreign_key_checks = 1')
}

async function filledSoFar(connection: Connection): Promise<number> {
  const [[row]] = await connection.query<RowDataPacket[]>(
    `SELECT COALESCE(MAX(message_id), 'aged-0') AS last FROM msg_message_key WHERE tenant_id = 1 AND message_id LIKE 'aged-%'`,
  )
  const last = Number(String(row?.last).slice('aged-'.length))
  return last === 0 ? 0 : Math.ceil(last / PORTION) * PORTION
}

/** `aged_sequence`: the numbers that a portion's rows are made from; neither server has a generator that the other has, too. */
async function makeSequence(connection: Connection): Promise<void> {
  const digits = '(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)'
  const tens = '(SELECT 0 AS d UNION ALL SELECT 1)'
  const places = [1, 5, 25, 125, 625, 3_125].map((weight, index) => `p${index}.d * ${weight}`)
  const tables = places.map((_, index) => `${digits} p${index}`)
  await connection.query('DROP TABLE IF EXISTS aged_sequence')
  await connection.query('CREATE TABLE aged_sequence (n INT NOT NULL PRIMARY KEY)')
  await connection.query(
    `INSERT INTO aged_sequence SELECT ${[...places, 'h.d * 15625', 'q.d * 31250'].join(' + ')} AS n
     FROM ${[...tables, `${tens} h`, `${tens} q`].join(', ')} ORDER BY n`,
  )
}

/** SQL of the time of the message with number `i`: evenly from the oldest month until a minute ago. */
function spread(messages: number): string {
  const from = monthStart(new Date(), -MONTHS_BACK)
  const seconds = Math.floor((Date.now() - from.getTime()) / 1000) - 60
  return `'${from.toISOString().slice(0, 10)} 00:00:00' + INTERVAL FLOOR(i * ${seconds / messages}) SECOND`
}

const STEPS = JSON.stringify(
  ['validation', 'time-window', 'channel-router', 'rate-limit', 'template-render', 'channel-dispatch'].map((step) => ({
    step,
    at: '2026-01-01T00:00:00.000Z',
    durationMs: 0.123,
    outcome: 'ok',
  })),
)
const ATTEMPTS = JSON.stringify([
  { attempt: 1, at: '2026-01-01T00:00:00.000Z', durationMs: 12.345, outcome: 'success', providerCode: '0' },
])

const TENANT = `IF(i % 2 = 0, 1, 2 + i % ${OTHER_TENANTS})`
const ID = `CONCAT('aged-', LPAD(i, 12, '0'))`
const STATUS = `CASE WHEN i % 100 < 97 THEN 'SUCCESS' WHEN i % 100 < 98 THEN 'PARTIAL_SUCCESS' ELSE 'FAILED' END`
const CHANNELS = `1 + (i % 4 < 2)`

/** The statements of one portion; each takes the number of its first message, and how many. */
function portionStatements(times: string): string[] {
  const rows = `(SELECT ? + n AS i FROM aged_sequence WHERE n < ?) AS numbers`
  const tasks = (channel: string, condition: string) =>
    `INSERT INTO msg_channel_task (tenant_id, message_id, channel_type, channel_config_id, message_type, rendered_content, recipients,
       status, error_code, result_message, third_party_response, provider_message_id, attempts, create_time, update_time, finish_time)
     SELECT ${TENANT}, ${ID}, ${channel}, 1, 'TEXT', CONCAT('order ', i, REPEAT(' has been paid', 6)),
       '{"userIds":["u1"],"mobiles":[],"all":false}', IF(i % 100 < 98, 'SUCCESS', 'FAILED'), IF(i % 100 < 98, NULL, 'CHANNEL_ERROR'), 'ok',
       '{"errcode":0,"errmsg":"ok"}', CONCAT('p', i), '${ATTEMPTS}', ${times}, ${times}, ${times}
     FROM ${rows} WHERE ${condition} ORDER BY i`
  return [
    `INSERT INTO msg_message_key (tenant_id, message_id, create_time, content_hash, flush_id)
     SELECT ${TENANT}, ${ID}, ${times}, SHA2(i, 256), CONCAT('00000000-0000-7000-8000-', LPAD(FLOOR(i / 50), 12, '0'))
     FROM ${rows} ORDER BY 1, 2`,
    `INSERT INTO msg_message (message_id, tenant_id, store_id, business_type, business_data, attributes, target_channels, status,
       total_channels, success_channels, failed_channels, accepted_at, job_id, due_time, steps, create_time, update_time, finish_time)
     SELECT ${ID}, ${TENANT}, IF(i % 3 = 0, NULL, 1 + (i DIV 3) % 500),
       IF(i % 10000 IN (0, 1), '${RARE_TYPE}', CONCAT('TYPE_', (i DIV 2) % 20)),
       CONCAT('{"orderNo":"', i, '","userId":"u1","note":"', REPEAT('paid by card ', 8), '"}'), '{"x":1}', NULL, ${STATUS},
       ${CHANNELS}, ${CHANNELS} - (i % 100 >= 97), (i % 100 >= 97), ${times}, CONCAT('f', FLOOR(i / 50)), NULL, '${STEPS}',
       ${times}, ${times}, ${times}
     FROM ${rows} ORDER BY i`,
    tasks(`IF(i < 2000, '${FORMER_CHANNEL}', 'DINGTALK')`, 'TRUE'),
    tasks(`'WECHAT_WORK'`, 'i % 4 < 2'),
    `INSERT INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, content, read_time, create_time)
     SELECT ${TENANT}, IF(i % 1000 = 0, '*', CONCAT('u', (i DIV 10) % 1000)), ${ID}, 1000000000 + i, 'TEXT', CONCAT('order ', i),
       IF(i % 1000 = 0 OR i % 40 = 0, NULL, ${times}), ${times}
     FROM ${rows} WHERE i % 10 < 2 AND i % 20 < 11 ORDER BY i`,
    `INSERT INTO msg_audit_log (tenant_id, actor, action, object_type, object_id, before_json, after_json, create_time)
     SELECT ${TENANT}, CONCAT('actor-', i % 7), 'UPDATE', 'TEMPLATE', i DIV 50 % 1000, '{"templateContent":"a"}', '{"templateContent":"b"}', ${times}
     FROM ${rows} WHERE i % 50 < 2 AND i % 100 < 51 ORDER BY i`,
  ]
}
