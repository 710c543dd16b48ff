import { type Static, Type } from 'typebox'
import { FlagInput } from './channel-configs.ts'
import { MessageType } from './content.ts'
import { ErrorDetail } from './errors.ts'
import { IdInput, IdOutput } from './ids.ts'
import { Attributes, BusinessDataInput, ChannelType } from './messages.ts'

/** Body of POST and PUT /api/templates. */
export const TemplateInput = Type.Object(
  {
    tenantId: Type.Optional(IdInput),
    businessType: Type.String({ minLength: 1, maxLength: 64 }),
    channelType: ChannelType,
    messageType: MessageType,
    templateName: Type.String({ minLength: 1, maxLength: 64 }),
    templateContent: Type.String({ minLength: 1, maxLength: 60_000 }),
    enabled: Type.Optional(FlagInput),
  },
  { additionalProperties: false, title: 'TemplateInput' },
)
export type TemplateInput = Static<typeof TemplateInput>

export const Template = Type.Object(
  {
    id: IdOutput,
    tenantId: IdOutput,
    businessType: Type.String(),
    channelType: Type.String(),
    messageType: MessageType,
    templateName: Type.String(),
    templateContent: Type.String(),
    enabled: Type.Boolean(),
    createTime: Type.String({ format: 'date-time' }),
    updateTime: Type.String({ format: 'date-time' }),
  },
  { title: 'Template' },
)
export type Template = Static<typeof Template>

/** Body of POST /api/templates/preview: a stored template, or one that is just being written. */
export const TemplatePreviewInput = Type.Object(
  {
    tenantId: Type.Optional(IdInput),
    templateId: Type.Optional(IdInput),
    channelType: Type.Optional(ChannelType),
    messageType: Type.Optional(MessageType),
    templateContent: Type.Optional(TemplateInput.properties.templateContent),
    businessData: BusinessDataInput,
    attributes: Type.Optional(Attributes),
  },
  {
    additionalProperties: false,
    title: 'TemplatePreviewInput',
    description: 'Either `templateId`, or `channelType`, `messageType` and `templateContent`',
  },
)
export type TemplatePreviewInput = Static<typeof TemplatePreviewInput>

export const TemplatePreview = Type.Object(
  {
    renderedContent: Type.Union([Type.String(), Type.Null()], {
      description: 'What a task would keep as its renderedContent; null where the message would fail',
    }),
    variables: Type.Array(Type.String(), {
      description: 'Every name that the template uses; `items[].name` is a name inside `${#items}`',
    }),
    missing: Type.Array(Type.String(), { description: 'The ones that the data lacks: each fails a message' }),
    payloads: Type.Object(
      { robot: Type.Optional(Type.Unknown()), app: Type.Optional(Type.Unknown()) },
      {
        description:
          'What the provider would be sent, by mode of the channel config; a mode is absent where the channel does not have it or its limits are exceeded',
      },
    ),
    problems: Type.Array(ErrorDetail, { description: 'What else would keep the message from being sent' }),
  },
  { title: 'TemplatePreview' },
)
export type TemplatePreview = Static<typeof TemplatePreview>
