import type { Strategy } from '../../../adapter.ts'
import { notMentioned } from '../../../mention-notes.ts'
import type { Overflow } from '../../../truncate.ts'
import { articleTexts } from '../article.ts'
import type { RobotMessage } from './message.ts'

export const linkStrategy =
  (overflow: Overflow): Strategy<'LINK', RobotMessage> =>
  (content, recipients) => {
    const article = {
      ...articleTexts(content, overflow),
      url: content.url,
      ...(content.picUrl !== undefined && { picurl: content.picUrl }),
    }
    return { payload: { msgtype: 'news', news: { articles: [article] } }, notes: notMentioned('news', recipients) }
  }
