import { AppError } from '@message-center/core/contracts/errors.ts'
import { MESSAGE_ID_PATTERN } from '@message-center/core/contracts/messages.ts'
import { Type } from 'typebox'

/** `/{messageId}`. */
export const MessageParams = Type.Object({
  messageId: Type.String({ description: 'As answered by the POST', examples: ['demo-1'] }),
})

const MESSAGE_ID = new RegExp(MESSAGE_ID_PATTERN)

/**
 * The id in the path. What is none is not asked for: MySQL would ignore blanks at its end and refuse to compare other
 * alphabets.
 * @throws AppError NOT_FOUND
 */
export function messageIdOf({ messageId }: { messageId: string }): string {
  if (!MESSAGE_ID.test(messageId)) throw new AppError('NOT_FOUND', `there is no message ${messageId}`, { messageId })
  return messageId
}
