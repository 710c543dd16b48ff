import { AppError } from '@message-center/core/contracts/errors.ts'
import { type BatchSendResult, MessageInput, type SendResult } from '@message-center/core/contracts/messages.ts'
import { decodeHessian } from './hessian/decode.ts'
import { encodeHessian, type HessianValue } from './hessian/encode.ts'
import { isJavaObject, type JavaObject } from './hessian/java-object.ts'
import { createJsonConverter } from './hessian/json-value.ts'

const FIELDS = Object.keys(MessageInput.properties)

/**
 * The body of a message that came as a Java object, of whatever class; an AppError where it cannot be said in JSON. Java has
 * a null where nothing was set, and a caller's class may be newer than ours: both are left out.
 * @param budget see `createJsonConverter`
 * @throws HessianError; AppError beyond the budget
 */
export function messageOfJava(argument: Uint8Array, budget: number): unknown {
  return bodyOf(decodeHessian(bufferOf(argument)), createJsonConverter(budget))
}

/**
 * The bodies of a Java list of messages, likewise.
 * @throws HessianError; AppError where it is no list, or beyond the budget
 */
export function messagesOfJava(argument: Uint8Array, budget: number): unknown[] {
  const list = decodeHessian(bufferOf(argument))
  if (!Array.isArray(list)) throw new AppError('VALIDATION_FAILED', 'the argument must be a list of messages')
  const toJson = createJsonConverter(budget)
  return list.map((message) => bodyOf(message, toJson))
}

function bodyOf(message: unknown, toJson: (value: unknown) => unknown): unknown {
  const fields = isJavaObject(message) ? message.fields : message
  try {
    if (!(fields instanceof Map)) return toJson(message)
    const body: Record<string, unknown> = {}
    for (const name of FIELDS) {
      const value = fields.get(name)
      if (value !== null && value !== undefined) body[name] = idOrData(name, value, toJson)
    }
    return body
  } catch (error) {
    if (error instanceof AppError && error.code === 'VALIDATION_FAILED') return error
    throw error
  }
}

/** A long that JavaScript would round is a string of digits where an id stands, and a number with all its digits in data. */
function idOrData(name: string, value: unknown, toJson: (value: unknown) => unknown): unknown {
  return typeof value === 'bigint' && (name === 'tenantId' || name === 'storeId') ? value.toString() : toJson(value)
}

/** @param javaPackage where the caller has the class `SendResult` */
export function javaOfResult(result: SendResult, javaPackage: string): Buffer {
  return encodeHessian(sendResult(result, javaPackage))
}

/** @param javaPackage where the caller has the classes `BatchSendResult` and `SendResult` */
export function javaOfBatchResult(result: BatchSendResult, javaPackage: string): Buffer {
  const { totalCount, successCount, failedCount, results } = result
  return encodeHessian(
    javaObject(`${javaPackage}.BatchSendResult`, {
      totalCount,
      successCount,
      failedCount,
      results: results.map((entry) => sendResult(entry, javaPackage)),
    }),
  )
}

function sendResult({ success, messageId, errorCode, errorMessage }: SendResult, javaPackage: string): JavaObject {
  return javaObject(`${javaPackage}.SendResult`, {
    success,
    messageId: messageId ?? null,
    errorCode: errorCode ?? null,
    errorMessage: errorMessage ?? null,
  })
}

function javaObject(className: string, fields: Record<string, HessianValue>): JavaObject {
  return { className, fields: new Map(Object.entries(fields)) }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
