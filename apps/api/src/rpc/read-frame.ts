import type { IncomingMessage } from 'node:http'
import { Code, ConnectError } from '@connectrpc/connect'
import type { FastifyRequest } from 'fastify'
import { FRAME_BYTES, tooLarge } from './grpc-unary.ts'

/**
 * Reads a call's body, which is one frame. The message's length stands at its beginning: what it takes is known before it has
 * come, and refused there.
 * @throws ConnectError; AppError as `bodyHas` does
 */
export function readFrame(request: FastifyRequest, payload: IncomingMessage, limit: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let received = 0
  let announced: number | undefined

  function take(chunk: Buffer): void {
    chunks.push(chunk)
    received += chunk.length
    if (announced === undefined && received >= FRAME_BYTES) {
      announced = Buffer.concat(chunks).readUInt32BE(1)
      if (announced > limit) throw tooLarge(limit)
      request.bodyHas(announced)
    }
    if (received > (announced ?? 0) + FRAME_BYTES)
      throw new ConnectError('the body must be one message', Code.InvalidArgument)
  }

  function onData(chunk: Buffer): void {
    try {
      take(chunk)
    } catch (error) {
      payload.off('data', onData)
      reject(error)
    }
  }

  function onEnd(): void {
    // Each stream is closed in the end, and an error is a costly thing to make for nobody.
    payload.off('close', onClose)
    resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
  }

  function onClose(): void {
    reject(new ConnectError('the caller has gone', Code.Canceled))
  }

  payload.on('data', onData)
  payload.once('end', onEnd)
  payload.once('error', reject)
  payload.once('close', onClose)
  return promise
}
