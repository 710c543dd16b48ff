import type { Strategy } from '../../../adapter.ts'
import { fitText, type Overflow } from '../../../truncate.ts'
import type { RobotMessage } from './message.ts'

/** Bytes of `text.content`. */
const MAX_BYTES = 2048

export const textStrategy =
  (overflow: Overflow): Strategy<'TEXT', RobotMessage> =>
  (content, { userIds, mobiles, all }) => {
    const limit = { field: 'text.content', maxBytes: MAX_BYTES, size: Buffer.byteLength }
    const mentioned = all ? [...userIds, '@all'] : userIds
    return {
      payload: {
        msgtype: 'text',
        text: {
          content: fitText(content, limit, overflow),
          ...(mentioned.length > 0 && { mentioned_list: mentioned }),
          ...(mobiles.length > 0 && { mentioned_mobile_list: mobiles }),
        },
      },
      notes: [],
    }
  }
