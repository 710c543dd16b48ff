import {
  create,
  createRegistry,
  type DescFile,
  type DescService,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Code, type ConnectRouter } from '@connectrpc/connect'
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from './generated/grpc/reflection/v1/reflection_pb.js'

type Answer = MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']

/** grpc.reflection.v1: tools such as grpcurl learn from the server what it can be asked. None of our files has extensions. */
export function reflectionRoutes(router: ConnectRouter, services: readonly DescService[]): void {
  const files = new Map(services.map(({ file }) => [`${file.name}.proto`, file]))
  const types = createRegistry(...files.values())

  function answer({ messageRequest }: ServerReflectionRequest): Answer {
    switch (messageRequest.case) {
      case 'listServices': {
        const service = services.map(({ typeName }) => ({ name: typeName }))
        return { case: 'listServicesResponse', value: { service } }
      }
      case 'fileByFilename':
        return fileAnswer(files.get(messageRequest.value), messageRequest.value)
      case 'fileContainingSymbol':
        return fileAnswer(fileOf(messageRequest.value), messageRequest.value)
      case 'allExtensionNumbersOfType':
        return {
          case: 'allExtensionNumbersResponse',
          value: { baseTypeName: messageRequest.value, extensionNumber: [] },
        }
      default:
        return notFound('there are no extensions')
    }
  }

  /** A symbol may also be a method, named after its service. */
  function fileOf(symbol: string): DescFile | undefined {
    return (types.get(symbol) ?? types.getService(symbol.replace(/[.][^.]*$/, '')))?.file
  }

  router.service(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield create(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
          messageResponse: answer(request),
        })
      }
    },
  })
}

function fileAnswer(file: DescFile | undefined, name: string): Answer {
  if (!file) return notFound(`${name} is not known`)
  const fileDescriptorProto = [toBinary(FileDescriptorProtoSchema, file.proto)]
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } }
}

function notFound(errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode: Code.NotFound, errorMessage } }
}
