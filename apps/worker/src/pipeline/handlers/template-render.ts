import { reachNobody, recipientsOf } from '@message-center/core/channels/recipients.ts'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import { openSettings } from '@message-center/core/configs/channel-config-secrets.ts'
import { pickTemplate, type TemplateSource } from '@message-center/core/configs/template-source.ts'
import type { ChannelPlan, MessageContext, MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { Cipher } from '@message-center/core/secrets/cipher.ts'
import { buildTemplateData, type TemplateData } from '@message-center/core/templates/data.ts'
import { parseTemplate } from '@message-center/core/templates/parse.ts'
import { renderTemplate, renderText } from '@message-center/core/templates/render.ts'
import { TemplateRenderError } from '@message-center/core/templates/render-error.ts'
import { TemplateError } from '@message-center/core/templates/template-error.ts'

export interface TemplateRenderDependencies {
  templates: TemplateSource
  registry: ChannelRegistry
  cipher: Cipher
}

/** The column of the rendered content holds no more, whatever the channel takes. */
const MAX_STORED_BYTES = 65_535

/** Fills the template of each channel and decides whom it is for. */
export function templateRender(deps: TemplateRenderDependencies): MessageHandler {
  return {
    name: 'template-render',
    order: 500,
    async handle(context, next) {
      const byChannel = await deps.templates(context.message.tenantId, context.message.businessType)
      const data = buildTemplateData({
        businessData: context.message.businessData,
        attributes: context.message.attributes,
        message: context.message,
      })
      for (const channel of context.channels) {
        const template = pickTemplate(byChannel.get(channel.channelType), context.message.attributes.messageType)
        if (template) {
          renderChannel(deps, context, channel, template, data)
        } else {
          const wanted = context.message.attributes.messageType ?? 'any message type'
          const text = `no enabled template for ${context.message.businessType}, ${channel.channelType}, ${wanted}`
          context.drop(channel.channelType, 'TEMPLATE_NOT_FOUND', text)
        }
      }
      await next()
    },
  }
}

function renderChannel(
  deps: TemplateRenderDependencies,
  context: MessageContext,
  channel: ChannelPlan,
  { messageType, templateContent }: { messageType: NonNullable<ChannelPlan['messageType']>; templateContent: string },
  data: TemplateData,
): void {
  const adapter = deps.registry.get(channel.channelType)?.adapter
  if (!adapter || !channel.config) return
  try {
    const { renderedContent } = renderTemplate(parseTemplate(messageType, templateContent), data)
    channel.messageType = messageType
    channel.renderedContent = renderedContent
    const bytes = Buffer.byteLength(renderedContent)
    const most = Math.min(adapter.maxBytes ?? MAX_STORED_BYTES, MAX_STORED_BYTES)
    if (bytes > most) {
      channel.renderedContent = null
      context.drop(channel.channelType, 'CONTENT_TOO_LONG', `${bytes} bytes; ${channel.channelType} takes ${most}`)
      return
    }
    const { config } = channel
    const settings = () => openSettings(deps.cipher, config)
    const given = recipientsOf(context.message.attributes.to)
    channel.recipients = adapter.resolveRecipients?.(settings(), given, (text) => renderText(text, data)) ?? given
    if (adapter.requiresRecipients?.(settings()) && reachNobody(channel.recipients)) {
      context.drop(
        channel.channelType,
        'NO_RECIPIENT',
        'attributes.to names nobody, and the channel config has no recipients',
      )
    }
  } catch (error) {
    if (error instanceof TemplateRenderError) context.drop(channel.channelType, error.code, error.message)
    else if (error instanceof TemplateError) context.drop(channel.channelType, 'TEMPLATE_RENDER_FAILED', error.message)
    else throw error
  }
}
