import type { IncomingMessage } from 'node:http'
import { createConnectRouter, createContextValues } from '@connectrpc/connect'
import type { UniversalHandler } from '@connectrpc/connect/protocol'
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { Health } from './generated/grpc/health/v1/health_pb.js'
import { MessageSendService } from './generated/message_center_pb.js'
import { answerUnary, GRPC_UNARY } from './grpc-unary.ts'
import { healthRoutes } from './health.ts'
import { argumentOfJson, messageOfJson, messagesOfJson } from './json-calls.ts'
import {
  BATCH_LIMIT,
  createUnaryCalls,
  httpRequest,
  MESSAGE_LIMIT,
  type MessageCalls,
  messageSendRoutes,
  type UnaryCalls,
} from './message-send-service.ts'
import { readFrame } from './read-frame.ts'
import { reflectionRoutes } from './reflection.ts'

/** Older tools ask for reflection by this name; its messages are those of v1. */
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
const REFLECTION_ALPHA = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo'

const MAX_APPLICATION_LENGTH = 100
/** Dubbo's (org.apache.dubbo.rpc.protocol.tri.TripleConstants). */
const DEFAULT_VERSION = '1.0.0'

export interface RpcRouteOptions {
  /** Full name of the Java interface. */
  serviceInterface: string
  group: string | undefined
  version: string | undefined
  calls: MessageCalls
  ready(): Promise<void>
  stopping: AbortSignal
}

/** Every path of the RPC port. The two calls answer by the Java interface's name and by that of the published .proto. */
export const rpcRoutes: FastifyPluginAsync<RpcRouteOptions> = async (app, options) => {
  const { serviceInterface, calls, ready, stopping } = options
  const names = new Set([serviceInterface, MessageSendService.typeName])
  const router = createConnectRouter({ acceptCompression: [compressionGzip] })
  const unary = createUnaryCalls(calls, serviceInterface.replace(/[.]?[^.]*$/, ''))
  messageSendRoutes(router, calls)
  healthRoutes(router, names, ready, stopping)
  reflectionRoutes(router, [MessageSendService, Health])
  const [sending, others] = partition(router.handlers)
  for (const handler of others) {
    const paths = [handler.requestPath, ...(handler.requestPath === REFLECTION ? [REFLECTION_ALPHA] : [])]
    for (const path of paths) app.post(path, { config: { access: 'public' }, handler: viaConnect(handler) })
  }
  await app.register(async (scope) => {
    scope.addContentTypeParser(GRPC_UNARY, (request: FastifyRequest, payload: IncomingMessage) =>
      readFrame(request, payload, request.routeOptions.bodyLimit ?? 0),
    )
    for (const handler of sending) addCall(scope, handler, unary, names, options)
  })
}

function partition(handlers: readonly UniversalHandler[]) {
  const isSending = ({ service }: UniversalHandler) => service.typeName === MessageSendService.typeName
  return [handlers.filter(isSending), handlers.filter((handler) => !isSending(handler))] as const
}

function addCall(
  app: FastifyInstance,
  handler: UniversalHandler,
  unary: UnaryCalls,
  names: Set<string>,
  options: RpcRouteOptions,
): void {
  const isBatch = handler.method.name === 'batchSendMessages'
  const connect = viaConnect(handler)
  const json = viaJson(options.calls, isBatch)
  const call = isBatch ? unary.batchSendMessages : unary.sendMessage
  for (const name of names) {
    app.post(`/${name}/${handler.method.name}`, {
      // Of the message: readFrame adds what its frame takes.
      bodyLimit: isBatch ? BATCH_LIMIT : MESSAGE_LIMIT,
      config: { access: ['sender'], sends: true },
      async onRequest(request) {
        refuseOtherService(request, options)
        nameApplication(request)
      },
      handler(request, reply) {
        if (request.body === undefined) return connect(request, reply)
        return Buffer.isBuffer(request.body) ? answerUnary(call, request, reply) : json(request)
      },
    })
  }
}

/** gRPC-Web, Connect's binary form, and gRPC's streams: Connect reads the body, and writes the answer with its trailers. */
function viaConnect(handler: UniversalHandler) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    reply.hijack()
    const values = createContextValues().set(httpRequest, request)
    try {
      const answer = await handler(universalRequestFromNodeRequest(request.raw, reply.raw, undefined, values))
      await universalResponseToNodeResponse(answer, reply.raw)
    } catch (error) {
      // The answer could not be written: nobody is there any more, or the stream was reset.
      request.log.info({ err: error }, 'an rpc was not answered to its end')
      reply.raw.destroy()
    }
  }
}

/** JSON, as curl sends it: numbers keep their digits, which proto3's JSON would round. */
function viaJson(calls: MessageCalls, isBatch: boolean) {
  return (request: FastifyRequest) => {
    const argument = argumentOfJson(request.body)
    if (!isBatch) return calls.send(messageOfJson(argument), request)
    const messages = messagesOfJson(argument)
    return calls.sendBatch(Array.isArray(messages) ? messages.map(messageOfJson) : messages, request)
  }
}

/** A Dubbo client says which application it is: the log lines of its calls do, too. */
function nameApplication(request: FastifyRequest): void {
  const application = request.headers['tri-consumer-appname']
  if (typeof application !== 'string') return
  request.log = request.log.child({ application: application.slice(0, MAX_APPLICATION_LENGTH) })
}

/**
 * Dubbo tells services of one interface apart by group and version. A caller who names neither (curl, gRPC) means the one
 * that is here. So does a Dubbo client of version 1.0.0 that leaves it out (`dubbo.rpc.tri.ignore-1.0.0-version`; 3.3.6 says it
 * otherwise), for which reason 1.0.0 is what has no version here.
 * @throws AppError NOT_FOUND
 */
function refuseOtherService({ headers }: FastifyRequest, { serviceInterface, group, version }: RpcRouteOptions): void {
  const asked = { group: headers['tri-service-group'], version: headers['tri-service-version'] }
  const isOurs = (given: unknown, ...names: string[]) => given === undefined || names.some((name) => name === given)
  const versions = version === undefined ? ['', DEFAULT_VERSION] : [version]
  if (isOurs(asked.group, group ?? '') && isOurs(asked.version, ...versions)) return
  const of = (what: { group?: unknown; version?: unknown }) =>
    `group '${what.group ?? ''}', version '${what.version ?? ''}'`
  throw new AppError('NOT_FOUND', `${serviceInterface} is served as ${of({ group, version })}, not as ${of(asked)}`)
}
