import type { Caller } from '@message-center/core/contracts/caller.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { type BatchSendResult, MAX_BATCH, type SendResult } from '@message-center/core/contracts/messages.ts'
import type { Accepted, Acceptor, TraceOrigin } from '@message-center/core/messages/accept.ts'
import type { FastifyBaseLogger } from 'fastify'
import { toAppError } from './plugins/errors.ts'

/**
 * Accepts one message and notes it in the log, under the call's request id.
 * @throws AppError as the acceptor does
 */
export async function acceptMessage(
  acceptor: Acceptor,
  body: unknown,
  caller: Caller,
  log: FastifyBaseLogger,
  origin?: TraceOrigin,
): Promise<Accepted> {
  const accepted = await acceptor.accept(body, caller, origin)
  const { tenantId, messageId, outcome } = accepted
  log.info({ tenantId, messageId }, outcome === 'new' ? 'message accepted' : 'message was accepted before')
  return accepted
}

/**
 * Accepts one message; a refusal is a result like an acceptance, with the code and text that a single call by REST gets.
 * @param body an AppError where the message could not even be read
 */
export async function acceptAsResult(
  acceptor: Acceptor,
  body: unknown,
  caller: Caller,
  log: FastifyBaseLogger,
  origin?: TraceOrigin,
): Promise<SendResult> {
  try {
    if (body instanceof AppError) throw body
    const { messageId } = await acceptMessage(acceptor, body, caller, log, origin)
    return { success: true, messageId }
  } catch (error) {
    const { code, message, messageId } = toAppError(error)
    if (code === 'INTERNAL')
      log.error({ err: error, tenantId: caller.tenantId, messageId }, 'a message could not be accepted')
    return { success: false, messageId, errorCode: code, errorMessage: message }
  }
}

/**
 * Accepts a batch, each message by itself.
 * @throws AppError VALIDATION_FAILED where it is no batch; UNAVAILABLE where nothing of it could be stored
 */
export async function acceptBatch(
  acceptor: Acceptor,
  bodies: unknown,
  caller: Caller,
  log: FastifyBaseLogger,
): Promise<BatchSendResult> {
  if (!Array.isArray(bodies) || bodies.length < 1 || bodies.length > MAX_BATCH) {
    throw new AppError('VALIDATION_FAILED', `the body must be an array of 1 to ${MAX_BATCH} messages`)
  }
  const results = await Promise.all(
    bodies.map((body) => acceptAsResult(acceptor, body, caller, log, { ofBatch: true })),
  )
  refuseIfUnavailable(results)
  const successCount = results.filter(({ success }) => success).length
  return { totalCount: results.length, successCount, failedCount: results.length - successCount, results }
}

/** Where the database is away nothing of the batch was taken: one answer that says when to come again. */
function refuseIfUnavailable(results: SendResult[]): void {
  const unavailable = results.find(({ errorCode }) => errorCode === 'UNAVAILABLE')
  if (!unavailable || results.some(({ success }) => success)) return
  throw new AppError('UNAVAILABLE', 'the messages could not be stored just now; send them again')
}
