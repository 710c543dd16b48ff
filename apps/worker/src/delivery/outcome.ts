import { inspect } from 'node:util'
import { ERROR_CLASSES, type ErrorClass } from '@message-center/core/channels/channel-error.ts'
import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import { OUTCOME_CODES, type OutcomeCode } from '@message-center/core/contracts/messages.ts'
import type { Failure } from '@message-center/core/messages/outcome.ts'

/** Waiting because the provider said "too many" uses up no retry, but it does not go on for ever. */
const MAX_RATE_LIMITED_MS = 24 * 3_600_000
const DEFAULT_RETRY_AFTER_MS = 60_000
/** A provider that asks for no pause at all is not called in a loop all the same. */
const MIN_RETRY_AFTER_MS = 100

/** Code of a send that was broken off because its worker was told to stop. */
export const WORKER_STOPPED = 'WORKER_STOPPED'

/** What an attempt that failed leads to; the only place that turns an error class into what the queue does. */
export type Decision =
  /** BullMQ's backoff runs it again; `delayMs` is what that backoff will wait. */
  | { next: 'retry'; failure: Failure; delayMs: number }
  /** The same attempt again later: it counts as no retry. */
  | { next: 'wait'; failure: Failure; delayMs: number }
  | { next: 'fail'; failure: Failure }

export interface FailedAttempt {
  error: ClassifiedError
  policy: CandidateConfig['unknownOutcomePolicy']
  /** Retries used before this attempt, and how many there may be. */
  retryCount: number
  maxRetry: number
  initialDelayMs: number
  /** How long ago the task was tried first. */
  triedForMs: number
}

export interface ClassifiedError {
  errorClass: ErrorClass
  code: string
  message: string
  retryAfterMs: number | undefined
  response: string | undefined
}

export function decide(attempt: FailedAttempt): Decision {
  const { error } = attempt
  const failure = failureOf(error)
  switch (error.errorClass) {
    case 'PERMANENT':
    // The adapter has refreshed its token and tried once more; expired again means that the token is not the trouble.
    case 'TOKEN_EXPIRED':
      return { next: 'fail', failure }
    case 'RATE_LIMITED':
      if (attempt.triedForMs >= MAX_RATE_LIMITED_MS) return { next: 'fail', failure }
      return { next: 'wait', failure, delayMs: error.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS }
    case 'UNKNOWN':
      return attempt.policy === 'FAIL' ? { next: 'fail', failure } : againOrFail(attempt, failure)
    case 'TRANSIENT':
      return againOrFail(attempt, failure)
  }
}

/** BullMQ's exponential backoff: the initial delay, doubling with every retry. */
function backoffMs(initialDelayMs: number, retryCount: number): number {
  return initialDelayMs * 2 ** retryCount
}

/** What a worker gives back because it has to stop is no fault of the provider: another one takes it at once. */
function againOrFail(attempt: FailedAttempt, failure: Failure): Decision {
  return attempt.error.code === WORKER_STOPPED ? { next: 'wait', failure, delayMs: 0 } : retryOrFail(attempt, failure)
}

function retryOrFail({ retryCount, maxRetry, initialDelayMs }: FailedAttempt, failure: Failure): Decision {
  if (retryCount >= maxRetry) return { next: 'fail', failure }
  return { next: 'retry', failure, delayMs: backoffMs(initialDelayMs, retryCount) }
}

/** An adapter's own CONTENT_TOO_LONG or NO_RECIPIENT is an outcome of ours; every other code is the provider's. */
function failureOf({ code, message }: ClassifiedError): Failure {
  const own = OUTCOME_CODES.find((candidate): candidate is OutcomeCode => candidate === code)
  return own ? { code: own, text: message } : { code: 'CHANNEL_ERROR', text: `${code} ${message}` }
}

/** Reads what an adapter threw. Any Error may carry `errorClass`; without one it counts as TRANSIENT. */
export function classify(thrown: unknown): ClassifiedError {
  const { errorClass, code, message, name, retryAfterMs, response } = fieldsOf(thrown)
  return {
    errorClass: isErrorClass(errorClass) ? errorClass : 'TRANSIENT',
    code:
      typeof code === 'string' || typeof code === 'number' ? String(code) : typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : inspect(thrown),
    retryAfterMs: waitOf(retryAfterMs),
    response: typeof response === 'string' ? response : undefined,
  }
}

function fieldsOf(thrown: unknown): Record<string, unknown> {
  if (typeof thrown !== 'object' || thrown === null) return { message: String(thrown) }
  const { errorClass, code, message, name, retryAfterMs, response }: Record<string, unknown> = Object.assign(thrown)
  return { errorClass, code, message, name, retryAfterMs, response }
}

function waitOf(retryAfterMs: unknown): number | undefined {
  if (typeof retryAfterMs !== 'number' || Number.isNaN(retryAfterMs)) return undefined
  return Math.min(Math.max(retryAfterMs, MIN_RETRY_AFTER_MS), MAX_RATE_LIMITED_MS)
}

function isErrorClass(value: unknown): value is ErrorClass {
  return ERROR_CLASSES.some((errorClass) => errorClass === value)
}
