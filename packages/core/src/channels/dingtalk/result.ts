import type { DeliveryReport } from '../adapter.ts'
import { fieldOf } from '../errcode-answer.ts'
import { addNotReached, describeNotReached, type NotReached } from '../not-reached.ts'
import { RESULT_CODES } from './answer.ts'
import type { TopApiAnswer } from './topapi.ts'

/** Lists of a `send_result` that name people who got the notice. */
const REACHED = ['read_user_id_list', 'unread_user_id_list']
/** Lists of those who did not, and why. Who is in `forbidden_list` as well is told there, with the reason. */
const NOT_REACHED = [
  ['invalid_user_id_list', 'unknown user id'],
  ['failed_user_id_list', 'DingTalk failed'],
  ['forbidden_user_id_list', 'forbidden by DingTalk'],
] as const

/**
 * Reads the results of a notice's parts (`getsendresult`).
 * @returns undefined while one of them names nobody: DingTalk has not worked on it yet
 */
export function readSendResult(answers: readonly TopApiAnswer[]): DeliveryReport | undefined {
  let notReached: NotReached = {}
  for (const { json } of answers) {
    const result = fieldOf(json, 'send_result')
    const forbidden = forbiddenOf(result)
    const explained = new Set(forbidden.map(({ userId }) => userId))
    const missed = NOT_REACHED.map(([list, reason]) => ({
      reason,
      userIds: listOf(result, list).filter((userId) => !explained.has(userId)),
    }))
    const reached = REACHED.flatMap((list) => listOf(result, list))
    if (reached.length + forbidden.length + missed.flatMap(({ userIds }) => userIds).length === 0) return undefined
    for (const { reason, userIds } of missed) notReached = addNotReached(notReached, reason, userIds)
    for (const { reason, userId } of forbidden) notReached = addNotReached(notReached, reason, [userId])
  }
  const detail = describeNotReached(notReached)
  return detail ? { detail } : {}
}

function forbiddenOf(result: unknown): { userId: string; reason: string }[] {
  const list = fieldOf(result, 'forbidden_list')
  return (Array.isArray(list) ? list : []).map((entry: unknown) => {
    const code = String(fieldOf(entry, 'code') ?? '')
    const meaning = RESULT_CODES[code]?.meaning ?? 'forbidden by DingTalk'
    return { userId: String(fieldOf(entry, 'userid') ?? ''), reason: code === '' ? meaning : `${meaning}, ${code}` }
  })
}

function listOf(result: unknown, name: string): string[] {
  const list = fieldOf(result, name)
  return Array.isArray(list) ? list.map(String) : []
}
