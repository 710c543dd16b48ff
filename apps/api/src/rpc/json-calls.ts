import { AppError, invalidField } from '@message-center/core/contracts/errors.ts'
import { parseLossless } from '@message-center/core/templates/lossless-json.ts'

/**
 * The argument of a call that came as JSON: the only entry of an array, as Dubbo's Triple has it, or an object, as Connect has
 * it for the message itself.
 * @throws AppError VALIDATION_FAILED
 */
export function argumentOfJson(body: unknown): unknown {
  if (!Array.isArray(body)) return body
  if (body.length !== 1) {
    throw new AppError('VALIDATION_FAILED', `the body must be an array with the call's 1 argument, not ${body.length}`)
  }
  return body[0]
}

/** The messages of a batch: a list, or the published .proto's MessageList. @throws AppError VALIDATION_FAILED */
export function messagesOfJson(argument: unknown): unknown {
  const isList = typeof argument === 'object' && argument !== null && 'messages' in argument
  return isList ? argument.messages : argument
}

/** In the published .proto `attributes` is a text, too. @returns an AppError where it is no JSON */
export function messageOfJson(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || !('attributes' in message)) return message
  if (typeof message.attributes !== 'string') return message
  try {
    return { ...message, attributes: parseLossless(message.attributes) }
  } catch (error) {
    return invalidField('attributes', `is a string that is not JSON: ${error instanceof Error ? error.message : error}`)
  }
}
