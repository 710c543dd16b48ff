/**
 * What a failed send means for the task:
 * TRANSIENT retry with backoff · RATE_LIMITED wait as long as the provider asks, no retry spent ·
 * TOKEN_EXPIRED refresh the access token and try once more · PERMANENT fail now ·
 * UNKNOWN the message may or may not have arrived (`unknownOutcomePolicy` decides).
 */
export const ERROR_CLASSES = ['TRANSIENT', 'RATE_LIMITED', 'TOKEN_EXPIRED', 'PERMANENT', 'UNKNOWN'] as const
export type ErrorClass = (typeof ERROR_CLASSES)[number]

export interface ChannelErrorDetails {
  /** The provider's own code (`310000`), or ours where there was no answer (`TIMEOUT`, `HTTP_502`). */
  code: string
  /** For people: the provider's text, without secrets. */
  message: string
  /** RATE_LIMITED: how long the provider wants to be left alone, in milliseconds. */
  retryAfterMs?: number
  /** The provider's answer as received, kept with the task. */
  response?: string
}

/** The one error an adapter throws for a send that failed; `errorClass` decides what happens next. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError'
  readonly errorClass: ErrorClass
  readonly code: string
  readonly retryAfterMs: number | undefined
  readonly response: string | undefined

  constructor(errorClass: ErrorClass, details: ChannelErrorDetails, options?: ErrorOptions) {
    super(details.message, options)
    this.errorClass = errorClass
    this.code = details.code
    this.retryAfterMs = details.retryAfterMs
    this.response = details.response
  }
}
