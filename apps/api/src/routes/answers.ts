import { ErrorBody } from '@message-center/core/contracts/errors.ts'
import type { TSchema } from 'typebox'

const DESCRIPTIONS: Record<number, string> = {
  400: 'VALIDATION_FAILED: a field is wrong; `details` names it',
  401: 'UNAUTHORIZED: no token, or one that is not valid',
  403: 'FORBIDDEN: the role is too low, or the body names another tenant',
  404: 'NOT_FOUND: the tenant has no such object',
  409: 'CONFLICT or MESSAGE_ID_CONFLICT',
  412: 'PRECONDITION_FAILED: somebody else changed it meanwhile',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE: bodies are application/json',
  429: 'TOO_MANY_REQUESTS: see Retry-After',
  500: 'INTERNAL',
  503: 'UNAVAILABLE: see Retry-After',
}

/** Answers of a route: its own by status, and the errors it can give (401, 403, 429, 500 and 503 are always among them). */
export function answers(own: Record<number, TSchema>, ...errors: number[]): Record<number, TSchema> {
  const all = [...new Set([401, 403, 429, 500, 503, ...errors])]
  const described = all.map((status) => [status, { ...ErrorBody, description: DESCRIPTIONS[status] ?? '' }])
  return { ...own, ...Object.fromEntries(described) }
}
