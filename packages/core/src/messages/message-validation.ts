import { createHash } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { type Caller, mayActFor, namedTenant } from '../contracts/caller.ts'
import { AppError, invalidField } from '../contracts/errors.ts'
import { normalizeId } from '../contracts/ids.ts'
import { type Attributes, MESSAGE_ID_PATTERN, MessageInput } from '../contracts/messages.ts'
import { compileValidator } from '../contracts/validator.ts'
import { isNestedDeeperThan, parseLossless } from '../templates/lossless-json.ts'

const MAX_BUSINESS_DATA_BYTES = 64 * 1024
const MAX_MESSAGE_BYTES = 256 * 1024
const MAX_NESTING = 32
const MAX_SEND_AHEAD_MS = 30 * 86_400_000
const MAX_TARGETS_LENGTH = 255
const DEFAULT_PRIORITY = 5

/** A message that passed validation, in the form in which it is stored. */
export interface ValidMessage {
  tenantId: string
  messageId: string
  storeId: string | null
  businessType: string
  /** JSON object with the very digits of the caller. */
  businessDataText: string
  attributesText: string | null
  targetChannels: string[] | null
  priority: number
  sendAt: Date | null
  expiresAt: Date | null
  /** Whether its final status is to be told to a `callbackUrl`. */
  wantsCallback: boolean
  /** SHA-256, hex, over what makes two messages the same. */
  contentHash: string
  /** Where it is in a trace, W3C; absent where its way is not traced. */
  traceparent?: string
}

export interface MessageRules {
  /** The registered channel types. */
  channelTypes: ReadonlySet<string>
  /** Whether the tenant can sign callbacks. */
  hasCallbackSecret(tenantId: string): Promise<boolean> | boolean
  /** Why callbacks may not go to a URL; undefined where they may. */
  callbackUrlFault(url: string): string | undefined
}

const checkShape = compileValidator(MessageInput)
const messageIdPattern = new RegExp(MESSAGE_ID_PATTERN)
/** A surrogate without its other half, as JSON.stringify writes it; MySQL's JSON type refuses such text. */
const loneSurrogate = /(?<!\\)(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/

/**
 * Checks one message of a caller: the whole of the contract's rules, the same for REST, batch and RPC.
 * @throws AppError FORBIDDEN, VALIDATION_FAILED or PAYLOAD_TOO_LARGE, with the message id where it is known
 */
export async function validateMessage(body: unknown, caller: Caller, rules: MessageRules): Promise<ValidMessage> {
  const given = givenMessageId(body)
  const tenantId = tenantOf(body, caller, given)
  const [fault] = checkShape(body)
  if (fault) throw invalidField(fault.path || 'body', fault.message, given)
  const input = body as MessageInput
  const messageId = input.messageId ?? uuidv7()
  const businessData = readBusinessData(input.businessData, given)
  const attributes = input.attributes ?? null
  const attributesText = attributes && textOfAttributes(attributes, given)
  if (Buffer.byteLength(businessData.text) + Buffer.byteLength(attributesText ?? '') > MAX_MESSAGE_BYTES) {
    throw new AppError('PAYLOAD_TOO_LARGE', `the body takes at most ${MAX_MESSAGE_BYTES} bytes`, { messageId: given })
  }
  refuseLoneSurrogates(
    {
      businessData: businessData.text,
      attributes: attributesText ?? '',
      businessType: JSON.stringify(input.businessType),
    },
    given,
  )
  const storeId = input.storeId === undefined || input.storeId === null ? null : (normalizeId(input.storeId) ?? null)
  const targetChannels = targetsOf(input, rules, given)
  const times = await deliveryOptions(attributes, tenantId, rules, given)
  const contentHash = hashContent([
    tenantId,
    storeId,
    input.businessType,
    businessData.value,
    targetChannels,
    attributes,
  ])
  return {
    tenantId,
    messageId,
    storeId,
    businessType: input.businessType,
    businessDataText: businessData.text,
    attributesText,
    targetChannels,
    ...times,
    contentHash,
  }
}

function givenMessageId(body: unknown): string | undefined {
  const id = typeof body === 'object' && body !== null && 'messageId' in body ? body.messageId : undefined
  return typeof id === 'string' && messageIdPattern.test(id) ? id : undefined
}

/** Looked at before the shape: who names another tenant learns nothing from validation. */
function tenantOf(body: unknown, caller: Caller, messageId: string | undefined): string {
  const tenantId = namedTenant(body) ?? caller.tenantId
  if (!mayActFor(caller, tenantId))
    throw new AppError('FORBIDDEN', 'the token belongs to another tenant', { messageId })
  return tenantId
}

/**
 * The data of a body, and its JSON text.
 * @throws AppError VALIDATION_FAILED or PAYLOAD_TOO_LARGE
 */
export function readBusinessData(given: MessageInput['businessData'], messageId?: string) {
  let value: unknown = given
  if (typeof given === 'string') {
    if (Buffer.byteLength(given) > MAX_BUSINESS_DATA_BYTES) throw dataTooLarge(messageId)
    try {
      value = parseLossless(given)
    } catch (error) {
      throw invalidField(
        'businessData',
        `is a string that is not JSON: ${error instanceof Error ? error.message : error}`,
        messageId,
      )
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || JSON.isRawJSON(value)) {
    throw invalidField('businessData', 'must be an object, or a string holding one', messageId)
  }
  if (isNestedDeeperThan(value, MAX_NESTING))
    throw invalidField('businessData', `is nested deeper than ${MAX_NESTING}`, messageId)
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) > MAX_BUSINESS_DATA_BYTES) throw dataTooLarge(messageId)
  return { value: value as Record<string, unknown>, text }
}

/**
 * The JSON text of a body's attributes.
 * @throws AppError VALIDATION_FAILED
 */
export function textOfAttributes(attributes: Attributes, messageId?: string): string {
  if (JSON.isRawJSON(attributes)) throw invalidField('attributes', 'must be object', messageId)
  if (isNestedDeeperThan(attributes, MAX_NESTING))
    throw invalidField('attributes', `is nested deeper than ${MAX_NESTING}`, messageId)
  return JSON.stringify(attributes)
}

function dataTooLarge(messageId: string | undefined): AppError {
  const message = `businessData takes at most ${MAX_BUSINESS_DATA_BYTES} bytes`
  return new AppError('PAYLOAD_TOO_LARGE', message, { messageId, details: [{ path: 'businessData', message }] })
}

function refuseLoneSurrogates(texts: Record<string, string>, messageId: string | undefined): void {
  for (const [path, text] of Object.entries(texts)) {
    if (loneSurrogate.test(text))
      throw invalidField(path, 'holds half of a surrogate pair, which is not Unicode text', messageId)
  }
}

function targetsOf(input: MessageInput, rules: MessageRules, messageId: string | undefined): string[] | null {
  if (!input.targetChannels) return null
  const targets = [...new Set(input.targetChannels)]
  const unknown = input.targetChannels.findIndex((type) => !rules.channelTypes.has(type))
  if (unknown >= 0)
    throw invalidField(
      `targetChannels.${unknown}`,
      `names no known channel; known are ${[...rules.channelTypes].join(', ')}`,
      messageId,
    )
  if (targets.join(',').length > MAX_TARGETS_LENGTH) throw invalidField('targetChannels', 'is too long', messageId)
  return targets
}

async function deliveryOptions(
  attributes: Attributes | null,
  tenantId: string,
  rules: MessageRules,
  messageId: string | undefined,
) {
  const sendAt = attributes?.sendAt ? new Date(attributes.sendAt) : null
  const expiresAt = attributes?.expiresAt ? new Date(attributes.expiresAt) : null
  if (sendAt && sendAt.getTime() > Date.now() + MAX_SEND_AHEAD_MS)
    throw invalidField('attributes.sendAt', 'is more than 30 days ahead', messageId)
  if (sendAt && expiresAt && expiresAt < sendAt)
    throw invalidField('attributes.expiresAt', 'is before sendAt', messageId)
  const wantsCallback = attributes?.callbackUrl !== undefined
  if (wantsCallback) await checkCallback(attributes.callbackUrl ?? '', tenantId, rules, messageId)
  return { sendAt, expiresAt, wantsCallback, priority: attributes?.priority ?? DEFAULT_PRIORITY }
}

async function checkCallback(url: string, tenantId: string, rules: MessageRules, messageId: string | undefined) {
  const fault = rules.callbackUrlFault(url)
  if (fault) throw invalidField('attributes.callbackUrl', fault, messageId)
  if (await rules.hasCallbackSecret(tenantId)) return
  const text = 'needs a signing secret: make one by POST /api/callback-secret'
  throw invalidField('attributes.callbackUrl', text, messageId)
}

/** Key order makes no difference; numbers count by the digits they were written with. */
function hashContent(parts: unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(parts)))
    .digest('hex')
}

function sortKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return value
  if (Array.isArray(value)) return value.map(sortKeys)
  // Entries rather than an object: keys that look like integers would be put in front, and `__proto__` would vanish.
  const entries = Object.entries(value).map(([key, entry]) => [key, sortKeys(entry)] as const)
  return { entries: entries.sort(([a], [b]) => (a < b ? -1 : 1)) }
}
