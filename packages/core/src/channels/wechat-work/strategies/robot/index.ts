import type { ContentOf, MessageType } from '../../../../contracts/content.ts'
import type { Recipients, Strategy } from '../../../adapter.ts'
import type { Overflow } from '../../../truncate.ts'
import { cardStrategy } from './card.ts'
import { linkStrategy } from './link.ts'
import { markdownStrategy } from './markdown.ts'
import type { RobotMessage } from './message.ts'
import { textStrategy } from './text.ts'

type Strategies = { [Type in MessageType]: (overflow: Overflow) => Strategy<Type, RobotMessage> }

const STRATEGIES: Strategies = {
  TEXT: textStrategy,
  MARKDOWN: markdownStrategy,
  LINK: linkStrategy,
  CARD: cardStrategy,
}

/**
 * The robot payload of a content.
 * @throws ChannelError CONTENT_TOO_LONG
 */
export function robotMessage<Type extends MessageType>(
  type: Type,
  content: ContentOf[Type],
  recipients: Recipients,
  overflow: Overflow,
): RobotMessage {
  return STRATEGIES[type](overflow)(content, recipients)
}
