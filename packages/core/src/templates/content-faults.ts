import { CONTENT_SCHEMAS, type MessageType } from '../contracts/content.ts'
import type { ErrorDetail } from '../contracts/errors.ts'
import { compileValidator, type Validator } from '../contracts/validator.ts'

const validators: Record<MessageType, Validator> = {
  TEXT: compileValidator(CONTENT_SCHEMAS.TEXT),
  MARKDOWN: compileValidator(CONTENT_SCHEMAS.MARKDOWN),
  LINK: compileValidator(CONTENT_SCHEMAS.LINK),
  CARD: compileValidator(CONTENT_SCHEMAS.CARD),
}

/**
 * What keeps a value from being content of a message type; empty if nothing does. Paths are dotted (`buttons.0.url`, empty for
 * the content as a whole), the texts name fields, never values.
 */
export function contentFaults(messageType: MessageType, value: unknown): ErrorDetail[] {
  return validators[messageType](value)
}

/** The keys that content of a message type may do without. */
export function optionalKeys(messageType: MessageType): string[] {
  const schema = CONTENT_SCHEMAS[messageType]
  if (!('properties' in schema)) return []
  return Object.keys(schema.properties).filter((key) => !schema.required.some((required) => required === key))
}
