import type { ChannelAdapter, Payloads } from '../channels/adapter.ts'
import { recipientsOf } from '../channels/recipients.ts'
import type { Content, MessageType } from '../contracts/content.ts'
import type { ErrorDetail } from '../contracts/errors.ts'
import type { Attributes } from '../contracts/messages.ts'
import type { TemplatePreview } from '../contracts/templates.ts'
import { buildTemplateData } from './data.ts'
import { parseTemplate } from './parse.ts'
import { type RenderedTemplate, renderTemplate } from './render.ts'
import { MissingVariablesError, TemplateRenderError } from './render-error.ts'
import { variablesOf } from './variables.ts'

export interface PreviewRequest {
  adapter: ChannelAdapter
  /** Has passed `checkTemplate`. */
  template: { messageType: MessageType; templateContent: string; businessType: string }
  tenantId: string
  /** Parsed by `parseLossless`. */
  businessData: Record<string, unknown>
  attributes: Attributes
}

/** Stand for what only a message has. */
const SAMPLE_MESSAGE = { messageId: 'preview', storeId: '1' }

/** What a message with this data would become, without sending it. Faults that would fail the message are part of the answer. */
export function previewTemplate({
  adapter,
  template,
  tenantId,
  businessData,
  attributes,
}: PreviewRequest): TemplatePreview {
  const { messageType, templateContent, businessType } = template
  const parsed = parseTemplate(messageType, templateContent)
  const message = { ...SAMPLE_MESSAGE, tenantId, businessType }
  const missing: string[] = []
  const problems: ErrorDetail[] = []
  const nothing = { variables: variablesOf(parsed), missing, problems, payloads: {} }
  let rendered: RenderedTemplate
  try {
    rendered = renderTemplate(parsed, buildTemplateData({ businessData, attributes, message }))
  } catch (error) {
    if (!(error instanceof TemplateRenderError)) throw error
    const isMissing = error instanceof MissingVariablesError
    if (isMissing) missing.push(...error.missing)
    problems.push(...error.problems.filter(({ path }) => !missing.includes(path)))
    return { ...nothing, renderedContent: null }
  }
  const { content, renderedContent } = rendered
  const bytes = Buffer.byteLength(renderedContent)
  if (adapter.maxBytes !== undefined && bytes > adapter.maxBytes) {
    const text = `CONTENT_TOO_LONG: ${bytes} bytes; ${adapter.type} takes ${adapter.maxBytes}`
    problems.push({ path: 'renderedContent', message: text })
  }
  return { ...nothing, renderedContent, payloads: payloadsOf(adapter, messageType, content, attributes, problems) }
}

function payloadsOf(
  adapter: ChannelAdapter,
  messageType: MessageType,
  content: Content,
  attributes: Attributes,
  problems: ErrorDetail[],
): Payloads {
  try {
    return adapter.payloads?.(messageType, content, recipientsOf(attributes.to)) ?? {}
  } catch (error) {
    // An adapter says so where no mode of it takes the content.
    problems.push({ path: 'payloads', message: error instanceof Error ? error.message : String(error) })
    return {}
  }
}
