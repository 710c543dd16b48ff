import type { ContentOf } from '../../../../contracts/content.ts'
import type { WorkNotice } from '../../schema.ts'
import { cardStrategy } from './card.ts'

const BUTTON_TITLE = '查看详情'

/** A link message has to have a picture; without one, a card with one button says the same. */
export function linkStrategy({ title, text, url, picUrl }: ContentOf['LINK']): WorkNotice {
  if (picUrl === undefined) return cardStrategy({ title, text, buttons: [{ title: BUTTON_TITLE, url }] })
  return { msgtype: 'link', link: { title, text, messageUrl: url, picUrl } }
}
