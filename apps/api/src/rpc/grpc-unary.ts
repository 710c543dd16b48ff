import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import { parseTimeout } from '@connectrpc/connect/protocol-grpc'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** What this answers by itself; gRPC-Web is Connect's. */
export const GRPC_UNARY = /^application\/grpc(?:\+proto)?(?:;|$)/

/** A frame is a flag (1: compressed) and the length in four bytes, before the message. */
export const FRAME_BYTES = 5
const COMPRESSED = 1
/** Of the least that gzip makes, and of the length at its end. */
const GZIP_BYTES = 20
const ISIZE_BYTES = 4
/** 24 days: a timer of Node.js that is to take longer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface UnaryCall {
  /** Most bytes of a message, unpacked. */
  limit: number
  /** @returns the bytes of the answer's message to those of the request's */
  answer(message: Uint8Array, request: FastifyRequest): Promise<Uint8Array>
}

/**
 * Answers a gRPC call of one message each way, whose body has been read. Connect could, and does so for everything else; but its
 * streams, signals and header objects for each call cost several times what accepting the message does.
 * @throws whatever `answer` does; ConnectError for a body that is not one message, and when the caller's patience ends
 */
export async function answerUnary(
  call: UnaryCall,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const message = await messageIn(request, call.limit)
  const bytes = await inTime(request.headers['grpc-timeout'], () => call.answer(message, request))
  const frame = Buffer.allocUnsafe(FRAME_BYTES + bytes.length)
  frame[0] = 0
  frame.writeUInt32BE(bytes.length, 1)
  frame.set(bytes, FRAME_BYTES)
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'content-type': request.headers['content-type'] ?? 'application/grpc' })
  raw.addTrailers({ 'grpc-status': '0' })
  raw.end(frame)
  return reply
}

async function messageIn(request: FastifyRequest, limit: number): Promise<Uint8Array> {
  const body = request.body as Buffer
  const announced = body.length < FRAME_BYTES ? Number.NaN : body.readUInt32BE(1)
  if (announced !== body.length - FRAME_BYTES)
    throw new ConnectError('the body must be one message', Code.InvalidArgument)
  const content = body.subarray(FRAME_BYTES)
  return body[0] === COMPRESSED ? unpacked(content, request, limit) : content
}

/** @throws ConnectError where the bytes are no such message */
export function readProto<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes)
  } catch (error) {
    throw new ConnectError(`this is no ${schema.name}`, Code.InvalidArgument, undefined, [], error)
  }
}

async function unpacked(content: Buffer, request: FastifyRequest, limit: number): Promise<Buffer> {
  const encoding = request.headers['grpc-encoding']
  if (encoding !== 'gzip')
    throw new ConnectError(`the encoding ${encoding} is not known here: use gzip`, Code.Unimplemented)
  // It says at its end how long it is unpacked (RFC 1952, ISIZE), and is not unpacked any further.
  const bytes = content.length < GZIP_BYTES ? 0 : content.readUInt32LE(content.length - ISIZE_BYTES)
  if (bytes > limit) throw tooLarge(limit)
  request.bodyHas(content.length + bytes)
  try {
    return await promisify(gunzip)(content, { maxOutputLength: Math.max(1, bytes) })
  } catch (error) {
    throw new ConnectError('the message is not gzip', Code.InvalidArgument, undefined, [], error)
  }
}

export function tooLarge(limit: number): ConnectError {
  return new ConnectError(`a message may have ${limit} bytes`, Code.ResourceExhausted)
}

/** Answers when the caller's patience ends, whatever goes on: a commit under way is not taken back. */
async function inTime<T>(header: string | string[] | undefined, work: () => Promise<T>): Promise<T> {
  const { timeoutMs, error } = parseTimeout(header === undefined ? null : String(header), Number.POSITIVE_INFINITY)
  if (error) throw error
  if (timeoutMs === undefined) return work()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const isUp = () => reject(new ConnectError('the time was up', Code.DeadlineExceeded))
  const timer = setTimeout(isUp, Math.min(timeoutMs, LONGEST_TIMER_MS))
  try {
    return await Promise.race([work(), ended])
  } finally {
    clearTimeout(timer)
  }
}
