import type { Pool } from 'mysql2/promise'
import { compareIds, retryingLockConflicts, type TaskRef } from './claim-tasks.ts'

/** How far the holder of a claim has come with its task. */
export interface TaskProgress extends TaskRef {
  token: string
  /** JSON, at most MAX_PROGRESS_BYTES. */
  progress: string
}

/** The column holds 64 KiB. */
export const MAX_PROGRESS_BYTES = 60 * 1024

/** Keeps the progress of tasks that are being sent. That of an attempt which was given up meanwhile changes nothing. */
export async function saveProgress(pool: Pool, items: readonly TaskProgress[]): Promise<void> {
  const parameter = JSON.stringify(
    items
      .toSorted((a, b) => compareIds(a.taskId, b.taskId))
      .map(({ taskId, createTime, token, progress }) => [taskId, createTime, token, progress]),
  )
  await retryingLockConflicts(() => pool.query(SAVE, [parameter]))
}

const SAVE = `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', c DATETIME PATH '$[1]', token VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[2]',
    progress TEXT PATH '$[3]')) AS j
  STRAIGHT_JOIN msg_channel_task k ON k.id = j.id AND k.create_time = j.c
  SET k.progress = j.progress WHERE k.status = 'SENDING' AND k.claim_token = j.token`
