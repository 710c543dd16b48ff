import { create } from '@bufbuild/protobuf'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { BatchSendResult, SendResult } from '@message-center/core/contracts/messages.ts'
import { parseLossless } from '@message-center/core/templates/lossless-json.ts'
import { BatchSendResultSchema, type Message, SendResultSchema } from './generated/message_center_pb.js'

/**
 * The body of a message of the published .proto; an AppError where its `attributes` are no JSON.
 * What is not set is left out: proto3 cannot tell an empty list from none.
 */
export function messageOfProto(message: Message): unknown {
  const { messageId, tenantId, storeId, businessType, businessData, targetChannels, attributes } = message
  try {
    return {
      ...(messageId === undefined ? {} : { messageId }),
      ...(tenantId === undefined ? {} : { tenantId: tenantId.toString() }),
      ...(storeId === undefined ? {} : { storeId: storeId.toString() }),
      businessType,
      businessData,
      ...(targetChannels.length === 0 ? {} : { targetChannels }),
      ...(attributes === undefined ? {} : { attributes: parseLossless(attributes) }),
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    return new AppError('VALIDATION_FAILED', `attributes is a string that is not JSON: ${reason}`, { messageId })
  }
}

export function protoOfResult(result: SendResult) {
  return create(SendResultSchema, result)
}

export function protoOfBatchResult({ results, ...counts }: BatchSendResult) {
  return create(BatchSendResultSchema, { ...counts, results: results.map(protoOfResult) })
}
