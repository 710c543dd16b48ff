import { toBinary } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter, createContextKey, type HandlerContext } from '@connectrpc/connect'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { SendResult } from '@message-center/core/contracts/messages.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import type { FastifyRequest } from 'fastify'
import { toAppError } from '../plugins/errors.ts'
import { acceptAsResult, acceptBatch } from '../send-message.ts'
import {
  BatchSendResultSchema,
  type Message,
  type MessageList,
  MessageListSchema,
  MessageSchema,
  MessageSendService,
  SendResultSchema,
} from './generated/message_center_pb.js'
import { toConnectError } from './grpc-status.ts'
import { readProto, type UnaryCall } from './grpc-unary.ts'
import { javaOfBatchResult, javaOfResult, messageOfJava, messagesOfJava } from './java-messages.ts'
import { messageOfProto, protoOfBatchResult, protoOfResult } from './proto-messages.ts'
import { onlyArgument, wrapped, wrapperIn } from './triple-wrapper.ts'

export const MESSAGE_LIMIT = 256 * 1024
export const BATCH_LIMIT = 16 * 1024 * 1024

/** The HTTP request behind a call: who calls, and his log. */
export const httpRequest = createContextKey<FastifyRequest | undefined>(undefined)

export interface MessageCalls {
  /** A refusal of the message is a result. @throws AppError TOO_MANY_REQUESTS, UNAVAILABLE or INTERNAL: try again */
  send(body: unknown, request: FastifyRequest): Promise<SendResult>
  sendBatch(bodies: unknown, request: FastifyRequest): ReturnType<typeof acceptBatch>
}

/** The two calls, behind the same acceptor as REST. */
export function createMessageCalls(acceptor: Acceptor): MessageCalls {
  return {
    async send(body, request) {
      const { caller, log } = request
      const result = await request.admit(1, () => acceptAsResult(acceptor, body, caller, log))
      const { errorCode, errorMessage = '', messageId } = result
      if (errorCode === 'UNAVAILABLE' || errorCode === 'INTERNAL')
        throw new AppError(errorCode, errorMessage, { messageId })
      return result
    },
    async sendBatch(bodies, request) {
      const { caller, log } = request
      const accept = () => acceptBatch(acceptor, bodies, caller, log)
      return request.admit(Array.isArray(bodies) ? bodies.length : 0, accept)
    },
  }
}

export type UnaryCalls = ReturnType<typeof createUnaryCalls>

/**
 * The calls by gRPC: with messages of the published .proto, or with Dubbo's wrapper around plain Java objects.
 * @param javaPackage where the callers have the classes of the results
 */
export function createUnaryCalls(
  calls: MessageCalls,
  javaPackage: string,
): Record<'sendMessage' | 'batchSendMessages', UnaryCall> {
  return {
    sendMessage: {
      limit: MESSAGE_LIMIT,
      async answer(bytes, request) {
        const wrapper = wrapperIn(bytes)
        if (!wrapper) {
          const message = messageOfProto(readProto(MessageSchema, bytes))
          return toBinary(SendResultSchema, protoOfResult(await calls.send(message, request)))
        }
        const result = await calls.send(messageOfJava(onlyArgument(wrapper), MESSAGE_LIMIT), request)
        return wrapped(wrapper, javaOfResult(result, javaPackage), `${javaPackage}.SendResult`)
      },
    },
    batchSendMessages: {
      limit: BATCH_LIMIT,
      async answer(bytes, request) {
        const wrapper = wrapperIn(bytes)
        if (!wrapper) {
          const messages = readProto(MessageListSchema, bytes).messages.map(messageOfProto)
          return toBinary(BatchSendResultSchema, protoOfBatchResult(await calls.sendBatch(messages, request)))
        }
        const result = await calls.sendBatch(messagesOfJava(onlyArgument(wrapper), BATCH_LIMIT), request)
        return wrapped(wrapper, javaOfBatchResult(result, javaPackage), `${javaPackage}.BatchSendResult`)
      },
    },
  }
}

/** The calls for Connect, which answers gRPC-Web and its own protocol: with messages of the published .proto. */
export function messageSendRoutes(router: ConnectRouter, calls: MessageCalls): void {
  const { sendMessage, batchSendMessages } = MessageSendService.method
  const send = async (message: Message, request: FastifyRequest) =>
    protoOfResult(await calls.send(messageOfProto(message), request))
  const sendBatch = async ({ messages }: MessageList, request: FastifyRequest) =>
    protoOfBatchResult(await calls.sendBatch(messages.map(messageOfProto), request))
  router.rpc(sendMessage, (message, context) => withinDeadline(context, (request) => send(message, request)), {
    readMaxBytes: MESSAGE_LIMIT,
  })
  router.rpc(batchSendMessages, (list, context) => withinDeadline(context, (request) => sendBatch(list, request)), {
    readMaxBytes: BATCH_LIMIT,
  })
}

/** Answers when the caller's patience (`grpc-timeout`) ends, whatever goes on: a commit under way is not taken back. */
async function withinDeadline<T>(
  { signal, values }: HandlerContext,
  work: (request: FastifyRequest) => Promise<T>,
): Promise<T> {
  const request = values.get(httpRequest)
  if (!request) throw new ConnectError('the call came without its request', Code.Internal)
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    signal.throwIfAborted()
    return await Promise.race([work(request), ended])
  } catch (error) {
    const told = toConnectError(error)
    if (told instanceof ConnectError) throw told
    request.log.error({ err: error }, 'rpc failed')
    throw toConnectError(toAppError(error))
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
