import type { Content, ContentOf, MessageType, Recipients } from '@message-center/core'
import { feishuError } from '../feishu-error.ts'
import type { FeishuPayload } from '../schema.ts'
import type { Signature } from '../sign.ts'
import { cardMessage } from './card.ts'
import { linkMessage } from './link.ts'
import { markdownMessage } from './markdown.ts'
import { type Mentions, mentionsOf } from './mentions.ts'
import { textMessage } from './text.ts'

/** Feishu's "20 KB" of the whole body, read in the way that is safe: 20,000 bytes. */
export const MAX_BODY_BYTES = 20_000

/** As long as any, for a size check without a secret. */
const LONGEST_SIGNATURE: Signature = { timestamp: '0'.repeat(10), sign: '0'.repeat(44) }

const STRATEGIES: { [Type in MessageType]: (content: ContentOf[Type], mentions: Mentions) => FeishuPayload } = {
  TEXT: textMessage,
  MARKDOWN: markdownMessage,
  LINK: linkMessage,
  CARD: cardMessage,
}

/**
 * The payload of a content, and what the receiver of the message should be told about it.
 * @throws Error CONTENT_TOO_LONG, so that nothing is sent that Feishu would refuse
 */
export function feishuMessage(
  messageType: MessageType,
  content: Content,
  recipients: Recipients,
): { payload: FeishuPayload; notes: string[] } {
  const mentions = mentionsOf(recipients)
  const strategy = STRATEGIES[messageType] as (content: Content, mentions: Mentions) => FeishuPayload
  const payload = strategy(content, mentions)
  const bytes = Buffer.byteLength(signedBody(payload, LONGEST_SIGNATURE))
  if (bytes <= MAX_BODY_BYTES) return { payload, notes: mentions.notes }
  const message = `the message body has ${bytes} bytes, Feishu takes ${MAX_BODY_BYTES}`
  throw feishuError('PERMANENT', { code: 'CONTENT_TOO_LONG', message })
}

/** The body as it goes out. */
export function signedBody(payload: FeishuPayload, signature: Partial<Signature>): string {
  return JSON.stringify({ ...signature, ...payload })
}
