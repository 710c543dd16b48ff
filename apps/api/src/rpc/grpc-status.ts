import { Code, ConnectError } from '@connectrpc/connect'
import { AppError, type ErrorCode } from '@message-center/core/contracts/errors.ts'
import { HessianError } from './hessian/java-object.ts'

/** How a refusal is told as a grpc-status (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
const CODE_BY_ERROR: Record<ErrorCode, Code> = {
  VALIDATION_FAILED: Code.InvalidArgument,
  UNAUTHORIZED: Code.Unauthenticated,
  FORBIDDEN: Code.PermissionDenied,
  NOT_FOUND: Code.Unimplemented,
  MESSAGE_ID_CONFLICT: Code.AlreadyExists,
  CONFLICT: Code.AlreadyExists,
  PRECONDITION_FAILED: Code.FailedPrecondition,
  PAYLOAD_TOO_LARGE: Code.ResourceExhausted,
  UNSUPPORTED_MEDIA_TYPE: Code.InvalidArgument,
  TOO_MANY_REQUESTS: Code.ResourceExhausted,
  INTERNAL: Code.Internal,
  UNAVAILABLE: Code.Unavailable,
}

export function grpcCode(error: AppError): Code {
  return CODE_BY_ERROR[error.code]
}

/** What an error is told as by gRPC; anything that is not meant for callers stays as it is, and becomes INTERNAL. */
export function toConnectError(error: unknown): unknown {
  if (error instanceof HessianError) {
    return new ConnectError(`the arguments are not Hessian that can be taken: ${error.message}`, Code.InvalidArgument)
  }
  return error instanceof AppError ? new ConnectError(error.message, grpcCode(error)) : error
}

/** Text in the form of the header `grpc-message`: percent-encoded UTF-8. */
export function grpcMessage(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', ' ')
}
