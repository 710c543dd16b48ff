import { randomInt, randomUUID } from 'node:crypto'
import type { ConfigTest, ConfigTestInput } from '../contracts/channel-configs.ts'
import type { Content, MessageType } from '../contracts/content.ts'
import { AppError, invalidField } from '../contracts/errors.ts'
import { contentFaults } from '../templates/content-faults.ts'
import { renderText } from '../templates/render.ts'
import { TemplateRenderError } from '../templates/render-error.ts'
import { TemplateError } from '../templates/template-error.ts'
import type { AdapterLogger, ChannelAdapter, Fetch, Recipients, SendOutcome } from './adapter.ts'
import { asText } from './as-text.ts'
import { callInTime } from './call-in-time.ts'
import { ChannelError } from './channel-error.ts'
import { reachNobody, recipientsOf } from './recipients.ts'
import { redact } from './redact.ts'

export interface TestSend {
  adapter: ChannelAdapter
  /** Decrypted. */
  settings: Record<string, unknown>
  /** What must not appear in the answer. */
  secrets: readonly string[]
  tenantId: string
  input: ConfigTestInput
  fetch: Fetch
  logger: AdapterLogger
  /** Of the whole call, milliseconds. */
  timeoutMs: number
  /** Aborted when the process stops. */
  stopping: AbortSignal
}

const MAX_TEST_TASK = 2 ** 47

/**
 * Sends one message now, past queue, rate limit and time window, and tells how it went. It belongs to no task: its id is
 * negative, so that it is nobody else's.
 * @throws AppError VALIDATION_FAILED where the content is not of its type
 */
export async function sendTest(test: TestSend): Promise<ConfigTest> {
  const { adapter, settings, secrets, tenantId, input, fetch, logger, timeoutMs, stopping } = test
  const { messageType } = input
  if (!adapter.messageTypes.includes(messageType))
    throw invalidField('messageType', `is not one of ${adapter.type}: ${adapter.messageTypes.join(', ')}`)
  const content = contentOf(messageType, input.content)
  const id = randomUUID()
  const task = { tenantId, messageId: `test-${id}`, taskId: String(-randomInt(1, MAX_TEST_TASK)) }
  const clean = (text: string) => redact(text, secrets)
  const startedAt = performance.now()
  const result = await callInTime(timeoutMs, stopping, async (signal) => {
    const recipients = testRecipients(adapter, settings, input.to)
    const send = { config: settings, messageType, content, recipients, idempotencyKey: `mc-${task.messageId}`, task }
    return adapter.send(send, { fetch, signal, logger })
  }).then(
    (outcome) => succeeded(outcome, clean),
    (error: unknown) => failed(error, clean),
  )
  return { ...result, durationMs: Math.round(performance.now() - startedAt) }
}

/** The content of a body: text, or the JSON shape of its type as an object or as a text. */
function contentOf(messageType: MessageType, given: ConfigTestInput['content']): Content {
  const content = typeof given === 'string' ? parsedContent(messageType, given) : given
  const details = contentFaults(messageType, content).map(({ path, message }) => ({
    path: path ? `content.${path}` : 'content',
    message,
  }))
  const [first] = details
  if (first) throw new AppError('VALIDATION_FAILED', `${first.path} ${first.message}`, { details })
  return content as Content
}

function parsedContent(messageType: MessageType, text: string): unknown {
  if (messageType === 'TEXT') return text
  try {
    return JSON.parse(text)
  } catch (error) {
    if (messageType === 'MARKDOWN') return { text }
    throw invalidField('content', `of a ${messageType} is JSON: ${error instanceof Error ? error.message : error}`)
  }
}

/** @throws ChannelError NO_RECIPIENT */
function testRecipients(
  adapter: ChannelAdapter,
  settings: Record<string, unknown>,
  to: ConfigTestInput['to'],
): Recipients {
  const given = recipientsOf(to)
  // There is no message whose data could fill the templates of a config's recipients.
  const render = (text: string) => renderText(text, {})
  try {
    const recipients = adapter.resolveRecipients?.(settings, given, render) ?? given
    if (!adapter.requiresRecipients?.(settings) || !reachNobody(recipients)) return recipients
  } catch (error) {
    if (!(error instanceof TemplateRenderError || error instanceof TemplateError)) throw error
  }
  throw new ChannelError('PERMANENT', { code: 'NO_RECIPIENT', message: 'name somebody in `to`' })
}

type Result = Omit<ConfigTest, 'durationMs'>

function succeeded(outcome: SendOutcome, clean: (text: string) => string): Result {
  // An adapter from outside may return nothing at all.
  const { response, detail }: Record<string, unknown> = { ...outcome }
  const told = cleanText(detail, clean)
  return { success: true, ...(told ? { detail: told } : {}), thirdPartyResponse: cleanText(response, clean) }
}

function failed(error: unknown, clean: (text: string) => string): Result {
  const { code, response, message } = Object(error) as { code?: unknown; response?: unknown; message?: unknown }
  return {
    success: false,
    providerCode: typeof code === 'string' || typeof code === 'number' ? clean(String(code)) : 'ERROR',
    detail: clean(typeof message === 'string' ? message : String(error)),
    thirdPartyResponse: cleanText(response, clean),
  }
}

function cleanText(value: unknown, clean: (text: string) => string): string | null {
  const text = asText(value)
  return text === null ? null : clean(text)
}
