import { type Static, Type } from 'typebox'

/** Every error code of the API with its HTTP status. */
export const ERROR_STATUS = {
  VALIDATION_FAILED: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  MESSAGE_ID_CONFLICT: 409,
  CONFLICT: 409,
  PRECONDITION_FAILED: 412,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  TOO_MANY_REQUESTS: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const
export type ErrorCode = keyof typeof ERROR_STATUS

export const ErrorDetail = Type.Object({ path: Type.String(), message: Type.String() })
export type ErrorDetail = Static<typeof ErrorDetail>

/** The body of every error answer. */
export const ErrorBody = Type.Object(
  {
    success: Type.Literal(false),
    errorCode: Type.String({ examples: Object.keys(ERROR_STATUS) }),
    errorMessage: Type.String(),
    details: Type.Array(ErrorDetail),
    requestId: Type.String(),
    messageId: Type.Optional(Type.String()),
  },
  { title: 'Error' },
)

export interface AppErrorExtras {
  details?: ErrorDetail[]
  messageId?: string
  /** For TOO_MANY_REQUESTS and UNAVAILABLE: when to come again. */
  retryAfterSeconds?: number
}

/** An error whose text is meant for the caller; anything else becomes INTERNAL without showing internals. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly details: ErrorDetail[]
  readonly messageId: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, extras: AppErrorExtras = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = extras.details ?? []
    this.messageId = extras.messageId
    this.retryAfterSeconds = extras.retryAfterSeconds
  }
}

/** A VALIDATION_FAILED error for one field. */
export function invalidField(path: string, message: string, messageId?: string): AppError {
  return new AppError('VALIDATION_FAILED', `${path} ${message}`, { details: [{ path, message }], messageId })
}
