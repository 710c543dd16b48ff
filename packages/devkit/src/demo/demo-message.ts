import { setTimeout as delay } from 'node:timers/promises'
import type { MessageDetail, SendResult } from '@message-center/core/contracts/messages.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import type { ApiClient } from './api-client.ts'
import { DEMO_MESSAGE, FIRST_MESSAGE_ID } from './catalogue.ts'

const FINAL_STATUSES = ['SUCCESS', 'PARTIAL_SUCCESS', 'FAILED']
const FINAL_TIMEOUT_MS = 60_000
const MAX_RESULT_LENGTH = 80

/**
 * Sends the demo message and waits for its end. The tenant's first has a known id; later ones are new messages.
 * @returns the message as it is then, or as it is after a minute
 */
export async function sendDemoMessage(api: ApiClient): Promise<MessageDetail> {
  const { total } = await api.get<Page<unknown>>('/api/messages?pageSize=1')
  const message = total === 0 ? { messageId: FIRST_MESSAGE_ID, ...DEMO_MESSAGE } : DEMO_MESSAGE
  const { messageId } = await api.post<SendResult>('/api/messages', message)
  for (const deadline = Date.now() + FINAL_TIMEOUT_MS; ; await delay(100)) {
    const message = await api.get<MessageDetail>(`/api/messages/${messageId}`)
    if (FINAL_STATUSES.includes(message.status) || Date.now() > deadline) return message
  }
}

/** One line for the message and one for each channel: channel, status, result. */
export function describeMessage(message: MessageDetail): string[] {
  const rows = message.tasks.map((task) => [
    task.channelType,
    task.status,
    shorten(task.resultMessage || task.thirdPartyResponse || ''),
  ])
  const table = [['CHANNEL', 'STATUS', 'RESULT'], ...rows]
  const reason = message.errorCode ? ` (${message.errorCode}: ${message.errorMessage ?? ''})` : ''
  return [
    `message ${message.messageId}: ${message.status}${reason}`,
    ...table.map(([channel = '', status = '', result = '']) => `  ${channel.padEnd(14)}${status.padEnd(10)}${result}`),
  ]
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > MAX_RESULT_LENGTH ? `${line.slice(0, MAX_RESULT_LENGTH - 1)}…` : line
}
