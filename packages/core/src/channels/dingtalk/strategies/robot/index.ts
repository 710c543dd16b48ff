import type { ContentOf, MessageType } from '../../../../contracts/content.ts'
import type { Recipients, Strategy } from '../../../adapter.ts'
import { cardStrategy } from './card.ts'
import { linkStrategy } from './link.ts'
import { markdownStrategy } from './markdown.ts'
import type { RobotMessage } from './message.ts'
import { textStrategy } from './text.ts'

const STRATEGIES: { [Type in MessageType]: Strategy<Type, RobotMessage> } = {
  TEXT: textStrategy,
  MARKDOWN: markdownStrategy,
  LINK: linkStrategy,
  CARD: cardStrategy,
}

/** The robot payload of a content. */
export function robotMessage<Type extends MessageType>(
  type: Type,
  content: ContentOf[Type],
  recipients: Recipients,
): RobotMessage {
  return STRATEGIES[type](content, recipients)
}
