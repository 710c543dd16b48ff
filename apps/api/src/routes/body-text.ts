import { AppError } from '@message-center/core/contracts/errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The text of a body; a byte order mark is left out.
 * @throws AppError VALIDATION_FAILED where it is not UTF-8: replaced characters would be stored and sent
 */
export function bodyText(bytes: Buffer): string {
  try {
    return utf8.decode(bytes)
  } catch (error) {
    throw new AppError('VALIDATION_FAILED', 'the body is not UTF-8', {}, { cause: error })
  }
}
