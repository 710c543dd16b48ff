import { create, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { Code, ConnectError } from '@connectrpc/connect'
import {
  type TripleRequestWrapper,
  TripleRequestWrapperSchema,
  TripleResponseWrapperSchema,
} from './generated/triple_wrapper_pb.js'

/** Field numbers of Dubbo's wrappers, reserved in every message of the published .proto. */
const LAST_WRAPPER_FIELD = 3
/** hessian4 is what Dubbo's wrapper calls Hessian 2; its older clients say hessian2. */
const HESSIAN = ['hessian4', 'hessian2']

/**
 * Dubbo's wrapper around the arguments of a plain Java call. It comes by the same path and content type as a message of the
 * published .proto, in fields that this one does not use: there they are, as unknown ones.
 * @returns undefined where the request is a message of the published .proto
 * @throws ConnectError where the arguments are written in another way than Hessian
 */
export function wrapperOf(request: Message): TripleRequestWrapper | undefined {
  const fields = request.$unknown?.filter(({ no }) => no <= LAST_WRAPPER_FIELD) ?? []
  if (fields.length === 0) return undefined
  const writer = new BinaryWriter()
  for (const { no, wireType, data } of fields) writer.tag(no, wireType).raw(data)
  const wrapper = readWrapper(writer.finish())
  if (!HESSIAN.includes(wrapper.serializeType)) {
    throw new ConnectError(
      `the serialization '${wrapper.serializeType.slice(0, 40)}' is not known here: use hessian2, Dubbo's default`,
      Code.Unimplemented,
    )
  }
  return wrapper
}

function readWrapper(bytes: Uint8Array): TripleRequestWrapper {
  try {
    return fromBinary(TripleRequestWrapperSchema, bytes)
  } catch (error) {
    throw new ConnectError("this is neither Dubbo's wrapper nor a message", Code.InvalidArgument, undefined, [], error)
  }
}

/**
 * Puts Dubbo's wrapper around a result into the fields that the published message does not use.
 * @param answer a message that is empty but for this
 * @param type name of the result's Java class
 */
export function wrapAnswer<T extends Message>(answer: T, serializeType: string, data: Uint8Array, type: string): T {
  const bytes = toBinary(
    TripleResponseWrapperSchema,
    create(TripleResponseWrapperSchema, { serializeType, data, type }),
  )
  const reader = new BinaryReader(bytes)
  answer.$unknown = []
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag()
    answer.$unknown.push({ no, wireType, data: reader.skip(wireType, no) })
  }
  return answer
}

/** The only argument of both calls. @throws ConnectError */
export function onlyArgument({ args }: TripleRequestWrapper): Uint8Array {
  const [argument] = args
  if (args.length !== 1 || argument === undefined) {
    throw new ConnectError(`the call takes 1 argument, not ${args.length}`, Code.InvalidArgument)
  }
  return argument
}
