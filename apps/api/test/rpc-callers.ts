import { connect } from 'node:http2'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { createClient, type Interceptor } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import hessian from 'hessian.js'
import { MessageSendService } from '../src/rpc/generated/message_center_pb.js'
import { TripleRequestWrapperSchema, TripleResponseWrapperSchema } from '../src/rpc/generated/triple_wrapper_pb.js'

export const SERVICE = 'com.messagecenter.api.MessageSendService'

export type Headers = Record<string, string>

/** A gRPC client of the published .proto. */
export function grpcClient(url: string, headers: Headers) {
  const addHeaders: Interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value)
    return next(request)
  }
  return createClient(MessageSendService, createGrpcTransport({ baseUrl: url, interceptors: [addHeaders] }))
}

export interface TripleAnswer {
  status: number
  grpcStatus: number
  grpcMessage: string
  /** The result as `hessian.js` reads it, which shares no code with ours. */
  result: { $class: string; $: Record<string, unknown> } | undefined
}

/** Calls as Dubbo's Java client does for a plain interface: `hessian.js` writes the arguments. */
export function callAsDubbo(
  url: string,
  method: string,
  args: unknown[],
  headers: Headers,
  serializeType = 'hessian4',
): Promise<TripleAnswer> {
  const encoded = args.map((argument) => hessian.encode(argument, '2.0'))
  const wrapper = create(TripleRequestWrapperSchema, { serializeType, args: encoded, argTypes: args.map(() => 'x.Y') })
  return postGrpc(url, `/${SERVICE}/${method}`, frame(toBinary(TripleRequestWrapperSchema, wrapper)), headers)
}

/** A gRPC frame: not compressed, with its length. */
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Posts bytes as they are by HTTP/2. */
export async function postGrpc(url: string, path: string, body: Buffer, headers: Headers): Promise<TripleAnswer> {
  const session = connect(url)
  try {
    return await new Promise<TripleAnswer>((resolve, reject) => {
      session.once('error', reject)
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc+proto',
        te: 'trailers',
        ...headers,
      })
      const seen: Record<string, unknown> = {}
      const chunks: Buffer[] = []
      stream.on('response', (received) => Object.assign(seen, received))
      stream.on('trailers', (received) => Object.assign(seen, received))
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.once('error', reject)
      stream.once('close', () => resolve(answerOf(seen, Buffer.concat(chunks))))
      stream.end(body)
    })
  } finally {
    session.destroy()
  }
}

function answerOf(seen: Record<string, unknown>, data: Buffer): TripleAnswer {
  const grpcMessage = decodeURIComponent(String(seen['grpc-message'] ?? ''))
  const status = { status: Number(seen[':status']), grpcStatus: Number(seen['grpc-status']), grpcMessage }
  if (data.length <= 5) return { ...status, result: undefined }
  const { data: encoded } = fromBinary(TripleResponseWrapperSchema, data.subarray(5))
  // An answer in the published messages, for a request that was no wrapper.
  if (encoded.length === 0) return { ...status, result: undefined }
  return { ...status, result: hessian.decode(Buffer.from(encoded), '2.0', true) as TripleAnswer['result'] }
}

/** Java values for `hessian.js`. */
export const java = {
  long: (digits: string) => ({ $class: 'java.lang.Long', $: digits }),
  object: ($class: string, $: Record<string, unknown>) => ({ $class, $ }),
  channel: (name: string) => ({ $class: 'com.messagecenter.api.ChannelType', $: { name } }),
  message: (fields: Record<string, unknown>) => ({ $class: 'com.messagecenter.api.Message', $: fields }),
  list: (items: unknown[]) => ({ $class: 'java.util.ArrayList', $: items }),
}
