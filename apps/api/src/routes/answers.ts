import { ERROR_STATUS, ErrorBody } from '@message-center/core/contracts/errors.ts'
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

const SUCCESS: Record<number, string> = { 200: 'Done', 201: 'Created', 202: 'Accepted: durable, and on its way' }

/** Answers of a route: its own by status, and the errors it can give (401, 403, 429, 500 and 503 are always among them). */
export function answers(own: Record<number, TSchema>, ...errors: number[]): Record<number, TSchema> {
  const successes = Object.entries(own).map(([status, schema]) => [
    status,
    { description: SUCCESS[Number(status)], ...schema },
  ])
  const failures = [...new Set([401, 403, 429, 500, 503, ...errors])].map((status) => [status, errorAnswer(status)])
  return Object.fromEntries([...successes, ...failures])
}

function errorAnswer(status: number): TSchema {
  const codes = Object.entries(ERROR_STATUS).flatMap(([code, its]) => (its === status ? [code] : []))
  const field = { path: 'channelName', message: 'is required' }
  const examples = codes.map((errorCode) => ({
    success: false,
    errorCode,
    errorMessage: status === 400 ? `${field.path} ${field.message}` : 'what went wrong, for people',
    details: status === 400 ? [field] : [],
    requestId: '0b6f2a3c-6f0e-4f0b-9a55-3b3b3a0c7e11',
  }))
  return { ...ErrorBody, description: DESCRIPTIONS[status] ?? '', examples }
}
