import type { PoolConnection } from 'mysql2/promise'

/**
 * Fills tasks that wait for the pipeline with what it has decided now: the same rows, maybe by another config. Progress
 * counts recipients of an app: it is kept only where both are the same, so that nobody gets the message twice.
 * @param connection in the transaction that holds the messages' row locks
 * @param rows as for the INSERT of new tasks (dispatch.ts), in key order
 */
export async function replaceTasks(connection: PoolConnection, rows: readonly unknown[][]): Promise<void> {
  if (rows.length > 0) await connection.query(REPLACE, [JSON.stringify(rows)])
}

const TEXT = 'MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin'
const NAME = 'CHARACTER SET ascii COLLATE ascii_bin'

// `progress` comes first, while the other columns still hold the old values.
const REPLACE = `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
    t BIGINT PATH '$[0]', m VARCHAR(64) ${NAME} PATH '$[1]', channel VARCHAR(32) ${NAME} PATH '$[2]', config BIGINT PATH '$[3]',
    type VARCHAR(32) ${NAME} PATH '$[4]', content ${TEXT} PATH '$[5]', recipients ${TEXT} PATH '$[6]',
    status VARCHAR(20) ${NAME} PATH '$[7]', max_retry INT PATH '$[8]', next DATETIME PATH '$[9]', code VARCHAR(32) ${NAME} PATH '$[10]',
    text VARCHAR(500) CHARACTER SET utf8mb4 PATH '$[11]', finish DATETIME PATH '$[12]', c DATETIME PATH '$[13]')) AS j
  STRAIGHT_JOIN msg_channel_task k FORCE INDEX (uk_task)
    ON k.tenant_id = j.t AND k.message_id = j.m AND k.channel_type = j.channel AND k.create_time = j.c
  SET k.progress = IF(j.status = 'FAILED' OR (k.channel_config_id = j.config AND k.recipients = j.recipients), k.progress, NULL),
    k.channel_config_id = j.config, k.message_type = COALESCE(j.type, k.message_type), k.rendered_content = j.content,
    k.recipients = COALESCE(j.recipients, k.recipients), k.status = j.status, k.max_retry = j.max_retry, k.next_retry_time = j.next,
    k.error_code = j.code, k.result_message = j.text, k.finish_time = j.finish
  WHERE k.status = 'PENDING' AND k.rendered_content IS NULL`
