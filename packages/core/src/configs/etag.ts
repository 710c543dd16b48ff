import { AppError, invalidField } from '../contracts/errors.ts'

/** An object with the strong entity tag (RFC 9110, 8.8.3) of the state that it shows. */
export interface Tagged<T> {
  object: T
  etag: string
}

const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/

/** The entity tag of a row's version. */
export function versionTag(version: number): string {
  return `"${version}"`
}

/**
 * Checks an `If-Match` header against the tag of what is there now. Weak tags match nothing (RFC 9110, 13.1.1).
 * @throws AppError PRECONDITION_FAILED where none matches, VALIDATION_FAILED where it is not a list of tags
 */
export function checkIfMatch(ifMatch: string | undefined, etag: string): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return
  const tags = ifMatch.split(',').map((tag) => tag.trim())
  if (!tags.every((tag) => ENTITY_TAG.test(tag))) {
    throw invalidField('if-match', 'must be * or what an answer gave as ETag, with its quotation marks')
  }
  if (!tags.includes(etag)) {
    throw new AppError('PRECONDITION_FAILED', `it was changed meanwhile: its ETag is ${etag} now. Read it again`)
  }
}
