import { AppError, ERROR_STATUS, type ErrorCode } from '@message-center/core/contracts/errors.ts'
import { isDatabaseUnavailable } from '@message-center/core/database/unavailable.ts'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

/** Fastify's own refusals, told in the codes of the contract. */
const CODE_BY_STATUS: Record<number, ErrorCode> = {
  400: 'VALIDATION_FAILED',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'TOO_MANY_REQUESTS',
  503: 'UNAVAILABLE',
}

/** One shape for every error of every endpoint; what is not meant for callers is logged and answered as INTERNAL. */
export const errorsPlugin = fp(
  async (app: FastifyInstance) => {
    app.setErrorHandler((error: FastifyError, request, reply) => answer(toAppError(error), error, request, reply))
    app.setNotFoundHandler((request, reply) =>
      answer(
        new AppError('NOT_FOUND', `there is no ${request.method} ${request.url.split('?')[0]}`),
        undefined,
        request,
        reply,
      ),
    )
  },
  { name: 'errors' },
)

function toAppError(error: FastifyError): AppError {
  if (error instanceof AppError) return error
  if (isDatabaseUnavailable(error) || isDatabaseUnavailable(error.cause)) {
    return new AppError('UNAVAILABLE', 'the database does not answer just now', { retryAfterSeconds: 1 })
  }
  const code = CODE_BY_STATUS[error.statusCode ?? 500]
  return code ? new AppError(code, error.message) : new AppError('INTERNAL', 'something went wrong on our side')
}

function answer(error: AppError, cause: unknown, request: FastifyRequest, reply: FastifyReply) {
  const status = ERROR_STATUS[error.code]
  if (status >= 500) request.log.error({ err: cause ?? error }, 'request failed')
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
  return reply.code(status).send({
    success: false,
    errorCode: error.code,
    errorMessage: error.message,
    details: error.details,
    requestId: request.id,
    ...(error.messageId ? { messageId: error.messageId } : {}),
  })
}
