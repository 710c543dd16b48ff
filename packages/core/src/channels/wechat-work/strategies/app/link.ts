import type { ContentOf } from '../../../../contracts/content.ts'
import type { Overflow } from '../../../truncate.ts'
import type { AppPayload } from '../../schema.ts'
import { articleTexts } from '../article.ts'

const BUTTON_TITLE = '详情'

/** An article with its picture; without one, a textcard looks better than an article with a hole. */
export function linkStrategy(content: ContentOf['LINK'], overflow: Overflow): AppPayload {
  const { url, picUrl } = content
  const texts = articleTexts(content, overflow)
  if (picUrl !== undefined) return { msgtype: 'news', news: { articles: [{ ...texts, url, picurl: picUrl }] } }
  return { msgtype: 'textcard', textcard: { ...texts, url, btntxt: BUTTON_TITLE } }
}
