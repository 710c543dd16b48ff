import type { ErrorClass } from '@message-center/core'

export interface FeishuErrorDetails {
  /** Feishu's own code, or ours where there was none. */
  code: string
  message: string
  /** RATE_LIMITED: how long to wait. */
  retryAfterMs?: number
  /** The answer as received. */
  response?: string
}

/**
 * A failed send. `ChannelError` of `@message-center/core` is the same; the service takes any Error that has `errorClass`, and
 * this one asks for no import that a copied folder could not resolve.
 */
export function feishuError(errorClass: ErrorClass, { message, ...details }: FeishuErrorDetails): Error {
  return Object.assign(new Error(message), { errorClass, ...details })
}
