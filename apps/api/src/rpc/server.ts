import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { Code, ConnectError } from '@connectrpc/connect'
import type { ClientRoles } from '@message-center/core/clients/client-source.ts'
import type { ClientStore } from '@message-center/core/clients/client-store.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { Tracing } from '@message-center/core/telemetry/tracing.ts'
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import type { Availability } from '../availability.ts'
import { createLimitedLogIn } from '../limited-log-in.ts'
import { type AdmissionOptions, admissionPlugin, bodyBytes } from '../plugins/admission.ts'
import { authPlugin } from '../plugins/auth.ts'
import { answerError, toAppError } from '../plugins/errors.ts'
import { rateLimitPlugin } from '../plugins/rate-limit.ts'
import { requestIdOf } from '../plugins/request-id.ts'
import { readMessageBody } from '../routes/message-body.ts'
import { traceRequestsPlugin } from '../tracing/trace-requests.ts'
import { TRUSTED_PROXIES } from '../trusted-proxies.ts'
import { bodyReceived } from './body-received.ts'
import { claimsOfRpcToken, clientIdOfCall, tokenOfCall } from './call-token.ts'
import { grpcCode, grpcMessage, toConnectError } from './grpc-status.ts'
import { FRAME_BYTES, GRPC_UNARY } from './grpc-unary.ts'
import { createListener, type Listener } from './listener.ts'
import { createMessageCalls, MESSAGE_LIMIT } from './message-send-service.ts'
import { rpcRoutes } from './routes.ts'

/** What Connect reads from the socket by itself. */
const BINARY = /^application\/(?:grpc|proto|connect)/
const GRPC = /^application\/grpc/

export interface RpcDependencies {
  env: Env
  logger: Logger
  acceptor: Acceptor
  clientRoles: ClientRoles
  clients: ClientStore
  settings: SettingsSource
  admission: AdmissionOptions
  /** Rejects where MySQL or Redis does not answer. */
  ready(): Promise<void>
  tracing: Tracing | undefined
  availability: Availability
}

/**
 * `MessageSendService` for Dubbo (Triple), gRPC and curl, for a port of its own; listens to nothing yet. Closing it answers
 * what is in hand.
 */
export async function buildRpcServer(dependencies: RpcDependencies) {
  const { env, logger, acceptor, clientRoles, clients, settings, admission, ready, availability, tracing } =
    dependencies
  const stopping = new AbortController()
  let listener: Listener | undefined
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    frameworkErrors: answerRpcError,
    return503OnClosing: false,
    genReqId: requestIdOf,
    trustProxy: TRUSTED_PROXIES,
    bodyLimit: MESSAGE_LIMIT,
    serverFactory(handler) {
      listener = createListener(handler, readTls(env))
      // Fastify listens to it and closes it, which is the same for every kind of server.
      return listener.server as unknown as Server
    },
  })
  app.setErrorHandler(answerRpcError)
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]
    return answerRpcError(new AppError('NOT_FOUND', `there is no ${request.method} ${path}`), request, reply)
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, async (_: FastifyRequest, body: Buffer) =>
    readMessageBody(body),
  )
  app.addContentTypeParser(BINARY, (_request, _payload, done) => done(null))
  await app.register(authPlugin, {
    env,
    clientRoles,
    tokenOf: tokenOfCall,
    claimsOfOther: (token, request) => claimsOfRpcToken(token, (credentials) => logIn(credentials, request)),
  })
  await app.register(rateLimitPlugin, { settings })
  const logIn = createLimitedLogIn(app, clients, clientIdOfCall)
  await app.register(admissionPlugin, {
    ...admission,
    // A frame says how long it is when it comes.
    bytesAtFirst: (request) => (GRPC_UNARY.test(request.headers['content-type'] ?? '') ? 0 : bodyBytes(request)),
  })
  if (tracing) await app.register(traceRequestsPlugin, { tracing })
  await app.register(rpcRoutes, {
    serviceInterface: env.rpcInterface,
    group: env.rpcGroup,
    version: env.rpcVersion,
    calls: createMessageCalls(acceptor),
    ready,
    stopping: stopping.signal,
  })
  app.addHook('onSend', async (request, reply) => {
    if (availability.leaving() && request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
  })
  app.addHook('preClose', async () => {
    stopping.abort()
    listener?.drain()
  })
  return app
}

function grpcErrorOf(error: FastifyError | AppError, messageLimit: number): ConnectError {
  const told = toConnectError(error)
  if (told instanceof ConnectError) return told
  const known = toAppError(error, messageLimit)
  return new ConnectError(known.message, grpcCode(known))
}

function readTls({ rpcTlsCert, rpcTlsKey }: Env): { cert: Buffer; key: Buffer } | undefined {
  return rpcTlsCert && rpcTlsKey ? { cert: readFileSync(rpcTlsCert), key: readFileSync(rpcTlsKey) } : undefined
}

/** By gRPC an error is a grpc-status under HTTP 200; by anything else it is told as by REST. */
async function answerRpcError(error: FastifyError | AppError, request: FastifyRequest, reply: FastifyReply) {
  const contentType = request.headers['content-type'] ?? ''
  if (!GRPC.test(contentType)) return answerError(error, request, reply)
  const bodyLimit = request.routeOptions?.bodyLimit ?? MESSAGE_LIMIT
  const { code, rawMessage } = grpcErrorOf(error, bodyLimit)
  if (code === Code.Internal || code === Code.Unavailable) request.log.error({ err: error }, 'rpc failed')
  await bodyReceived(request.raw, bodyLimit + FRAME_BYTES)
  const status = { 'grpc-status': String(code), 'grpc-message': grpcMessage(rawMessage) }
  const hasTrailers = request.raw.httpVersionMajor === 2 && !contentType.startsWith('application/grpc-web')
  if (!hasTrailers)
    return reply
      .code(200)
      .headers({ 'content-type': contentType, ...status })
      .send()
  reply.hijack()
  // Headers by themselves: Dubbo's client (3.3.6) takes a call whose only headers end it for cancelled.
  reply.raw.writeHead(200, { 'content-type': contentType })
  reply.raw.flushHeaders()
  reply.raw.addTrailers(status)
  reply.raw.end()
  return reply
}
