import { fitText, type Overflow } from '../../../truncate.ts'
import type { AppPayload } from '../../schema.ts'

/** Bytes of `text.content`; WeCom would cut the rest without a word. */
const MAX_BYTES = 2048

export function textStrategy(text: string, overflow: Overflow): AppPayload {
  const limit = { field: 'text.content', maxBytes: MAX_BYTES, size: Buffer.byteLength }
  return { msgtype: 'text', text: { content: fitText(text, limit, overflow) } }
}
