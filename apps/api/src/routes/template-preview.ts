import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import { checkTemplate } from '@message-center/core/configs/template-check.ts'
import type { TemplateStore } from '@message-center/core/configs/template-store.ts'
import { AppError, invalidField } from '@message-center/core/contracts/errors.ts'
import { normalizeId } from '@message-center/core/contracts/ids.ts'
import {
  type Template,
  TemplatePreview,
  TemplatePreviewInput,
  type TemplatePreviewInput as TemplatePreviewInputType,
} from '@message-center/core/contracts/templates.ts'
import { readBusinessData, textOfAttributes } from '@message-center/core/messages/message-validation.ts'
import { previewTemplate } from '@message-center/core/templates/preview.ts'
import type { FastifyRequest } from 'fastify'
import { answers } from './answers.ts'
import { TEMPLATE_PREVIEW_EXAMPLES, withExamples } from './examples.ts'
import { readMessageBody } from './message-body.ts'
import { actingTenant, ownTenantOnly } from './tenant.ts'

type PreviewedTemplate = Pick<Template, 'channelType' | 'messageType' | 'templateContent' | 'businessType'>

/** What stands for the business type of a template that is not stored. */
const NO_BUSINESS_TYPE = 'PREVIEW'

/** Shows what a template makes of data, without sending anything. */
export const templatePreviewRoutes: FastifyPluginAsyncTypebox<{
  store: TemplateStore
  registry: ChannelRegistry
}> = async (app, { store, registry }) => {
  app.addHook('preValidation', ownTenantOnly)
  // As for messages: numbers keep their digits.
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => readMessageBody(body),
  )
  app.post('/api/templates/preview', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'Preview a template',
      description:
        'Renders a stored template, or one that is just being written, with sample data: nothing is stored or sent. `payloads` are exactly what the provider would get. Data that would fail a message is no error here: `missing` names the variables that it lacks, `problems` what else is wrong, and `renderedContent` is null. Of `message.*`, `messageId` and `storeId` are samples.',
      body: withExamples(TemplatePreviewInput, TEMPLATE_PREVIEW_EXAMPLES),
      response: answers({ 200: TemplatePreview }, 400, 404, 413, 415),
    },
    async handler(request) {
      const { body } = request
      const tenantId = actingTenant(request, body.tenantId)
      const template = await templateOf(store, tenantId, body)
      const { attributes = {} } = body
      textOfAttributes(attributes)
      const { value: businessData } = readBusinessData(body.businessData)
      return previewTemplate({
        adapter: checkTemplate(registry, template),
        template,
        tenantId,
        businessData,
        attributes,
      })
    },
  })
}

async function templateOf(
  store: TemplateStore,
  tenantId: string,
  { templateId, channelType, messageType, templateContent }: TemplatePreviewInputType,
): Promise<PreviewedTemplate> {
  const given = [channelType, messageType, templateContent].filter((field) => field !== undefined)
  if (templateId !== undefined) {
    if (given.length > 0) throw invalidField('templateId', 'goes without channelType, messageType and templateContent')
    const { object } = await store.get(tenantId, normalizeId(templateId) ?? '')
    return object
  }
  if (channelType === undefined || messageType === undefined || templateContent === undefined) {
    const text = 'either templateId is needed, or channelType, messageType and templateContent'
    throw new AppError('VALIDATION_FAILED', text, { details: [{ path: 'templateId', message: text }] })
  }
  return { channelType, messageType, templateContent, businessType: NO_BUSINESS_TYPE }
}
