import type { Content, MessageType, Recipients } from '@message-center/core'
import type { ConformanceFixture } from './fixture.ts'

export const NOBODY: Recipients = { userIds: [], mobiles: [], all: false }
const TWO_USERS: Recipients = { ...NOBODY, userIds: ['user-one', 'user-two'] }

/** Quotes, line ends and characters outside of ASCII and the BMP: what breaks an encoding does so here. */
const TEXT = '订单 "A-1" \\ paid\n第二行 👍'

/** A content of the type with `text` as its text. */
export function contentOf(messageType: MessageType, text: string, fixture: ConformanceFixture): Content {
  const given = fixture.contents?.[messageType]
  if (given !== undefined) return typeof given === 'string' ? text : { ...given, text }
  if (messageType === 'TEXT') return text
  if (messageType === 'MARKDOWN') return { title: '订单 "A-1"', text }
  const url = 'https://shop.example/orders?id=1&tab=2'
  if (messageType === 'LINK') return { title: '订单 "A-1"', text, url, picUrl: 'https://shop.example/1.png' }
  const buttons = [
    { title: 'Open', url },
    { title: 'Later', url: 'https://shop.example/later' },
  ]
  return { title: '订单 "A-1"', text, buttons }
}

/** What test messages say where it does not matter. */
export function sampleContent(messageType: MessageType, fixture: ConformanceFixture): Content {
  return fixture.contents?.[messageType] ?? contentOf(messageType, TEXT, fixture)
}

export function sampleRecipients(fixture: ConformanceFixture): Recipients {
  return fixture.recipients ?? TWO_USERS
}
