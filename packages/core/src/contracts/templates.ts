import { type Static, Type } from 'typebox'
import { FlagInput } from './channel-configs.ts'
import { MessageType } from './content.ts'
import { IdInput, IdOutput } from './ids.ts'
import { ChannelType } from './messages.ts'

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
