import type { Strategy } from '../../../adapter.ts'
import { notMentioned } from '../../../mention-notes.ts'
import { fitText, type Overflow } from '../../../truncate.ts'
import type { RobotMessage } from './message.ts'

/** Bytes; WeCom itself would cut the rest without a word. */
const MAX_TITLE_BYTES = 128
const MAX_DESCRIPTION_BYTES = 512

export const linkStrategy =
  (overflow: Overflow): Strategy<'LINK', RobotMessage> =>
  (content, recipients) => {
    const fit = (text: string, field: string, maxBytes: number): string =>
      fitText(text, { field, maxBytes, size: Buffer.byteLength }, overflow)
    const article = {
      title: fit(content.title, 'the title of the news article', MAX_TITLE_BYTES),
      description: fit(content.text, 'the description of the news article', MAX_DESCRIPTION_BYTES),
      url: content.url,
      ...(content.picUrl !== undefined && { picurl: content.picUrl }),
    }
    return { payload: { msgtype: 'news', news: { articles: [article] } }, notes: notMentioned('news', recipients) }
  }
