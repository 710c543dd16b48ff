import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { AppError, ERROR_STATUS, type ErrorBody, type ErrorCode } from '@message-center/core/contracts/errors.ts'
import { isDatabaseUnavailable } from '@message-center/core/database/unavailable.ts'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Static } from 'typebox'

/** Fastify's own refusals, told in the codes of the contract. */
const CODE_BY_STATUS: Record<number, ErrorCode> = {
  400: 'VALIDATION_FAILED',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  413: 'PAYLOAD_TOO_LARGE',
  // An id in the path that is longer than any id.
  414: 'NOT_FOUND',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'TOO_MANY_REQUESTS',
}
const RETRY_AFTER_SECONDS = 1

/** One shape for every error of every endpoint; what is not meant for callers is logged and answered as INTERNAL. */
export const errorsPlugin = fp(
  async (app: FastifyInstance) => {
    app.setErrorHandler(answerError)
    // Node would answer an `Expect` that it does not know with an empty 417; it may be left aside (RFC 9110, 10.1.1).
    app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
    app.setNotFoundHandler((request, reply) => {
      const path = request.url.split('?')[0]
      return answerError(new AppError('NOT_FOUND', `there is no ${request.method} ${path}`), request, reply)
    })
  },
  { name: 'errors' },
)

/** Answers with the contract's shape. Also for what Fastify refuses before any route is found (`frameworkErrors`). */
export function answerError(error: FastifyError | AppError, request: FastifyRequest, reply: FastifyReply) {
  const told =
    error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE'
      ? new AppError('UNSUPPORTED_MEDIA_TYPE', 'a body must have the Content-Type application/json')
      : toAppError(error, request.routeOptions?.bodyLimit)
  const status = ERROR_STATUS[told.code]
  if (status >= 500) request.log.error({ err: error }, 'request failed')
  const retryAfter = told.retryAfterSeconds ?? (told.code === 'UNAVAILABLE' ? RETRY_AFTER_SECONDS : undefined)
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  if (status === 401 && !reply.hasHeader('www-authenticate')) reply.header('www-authenticate', 'Bearer')
  return reply.code(status).header('x-request-id', request.id).send(bodyOf(told, request.id))
}

/** Answers what is not even HTTP, and closes the connection (`clientErrorHandler`). */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const told = tooLarge
    ? new AppError('PAYLOAD_TOO_LARGE', 'the headers are too large')
    : new AppError('VALIDATION_FAILED', 'this is not an HTTP request, or not all of it came')
  const requestId = randomUUID()
  const body = JSON.stringify(bodyOf(told, requestId))
  socket.end(
    `HTTP/1.1 ${ERROR_STATUS[told.code]} ${told.code}\r\nContent-Type: application/json; charset=utf-8\r\nX-Request-Id: ${requestId}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

/**
 * What a caller is told of an error.
 * @param bodyLimit most bytes of a body on this route
 */
export function toAppError(error: unknown, bodyLimit?: number): AppError {
  if (error instanceof AppError) return error
  if (isDatabaseUnavailable(error) || (error instanceof Error && isDatabaseUnavailable(error.cause))) {
    return new AppError('UNAVAILABLE', 'the database does not answer just now')
  }
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  if (status === 503) return new AppError('UNAVAILABLE', 'this took too long; try again')
  if (status === 413) return new AppError('PAYLOAD_TOO_LARGE', `the body takes at most ${bodyLimit} bytes`)
  const code = CODE_BY_STATUS[status]
  if (code === undefined || !(error instanceof Error))
    return new AppError('INTERNAL', 'something went wrong on our side')
  return new AppError(code, error.message)
}

function bodyOf(error: AppError, requestId: string): Static<typeof ErrorBody> {
  return {
    success: false,
    errorCode: error.code,
    errorMessage: error.message,
    details: error.details,
    requestId,
    ...(error.messageId ? { messageId: error.messageId } : {}),
  }
}
