import { create, toBinary } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import {
  type TripleRequestWrapper,
  TripleRequestWrapperSchema,
  TripleResponseWrapperSchema,
} from './generated/triple_wrapper_pb.js'
import { readProto } from './grpc-unary.ts'

/** Field numbers of Dubbo's wrappers, reserved in every message of the published .proto, which begin at 4. */
const LAST_WRAPPER_FIELD = 3
/** hessian4 is what Dubbo's wrapper calls Hessian 2; its older clients say hessian2. */
const HESSIAN = ['hessian4', 'hessian2']

/**
 * Dubbo's wrapper around the arguments of a plain Java call. It comes by the same path and content type as a message of the
 * published .proto, and is told apart by the number of its first field.
 * @returns undefined where the request is a message of the published .proto
 * @throws ConnectError where it cannot be read, or the arguments are written in another way than Hessian
 */
export function wrapperIn(bytes: Uint8Array): TripleRequestWrapper | undefined {
  // The lowest three bits of a field's first byte are its wire type.
  const field = (bytes[0] ?? 0) >> 3
  if (field === 0 || field > LAST_WRAPPER_FIELD) return undefined
  const wrapper = readProto(TripleRequestWrapperSchema, bytes)
  if (!HESSIAN.includes(wrapper.serializeType)) {
    throw new ConnectError(
      `the serialization '${wrapper.serializeType.slice(0, 40)}' is not known here: use hessian2, Dubbo's default`,
      Code.Unimplemented,
    )
  }
  return wrapper
}

/**
 * Dubbo's wrapper around a result.
 * @param type name of the result's Java class
 */
export function wrapped({ serializeType }: TripleRequestWrapper, data: Uint8Array, type: string): Uint8Array {
  return toBinary(TripleResponseWrapperSchema, create(TripleResponseWrapperSchema, { serializeType, data, type }))
}

/** The only argument of both calls. @throws ConnectError */
export function onlyArgument({ args }: TripleRequestWrapper): Uint8Array {
  const [argument] = args
  if (args.length !== 1 || argument === undefined) {
    throw new ConnectError(`the call takes 1 argument, not ${args.length}`, Code.InvalidArgument)
  }
  return argument
}
