import type { RowDataPacket } from 'mysql2'
import type { Pool } from 'mysql2/promise'
import { MESSAGE_TYPES, type MessageType } from '../contracts/content.ts'
import { createTenantCache } from './tenant-cache.ts'
import type { ConfigChanges } from './watch-changes.ts'

export interface StoredTemplate {
  channelType: string
  messageType: MessageType
  templateContent: string
}

/** Enabled templates of a tenant's business type by channel type, richest message type first. */
export type TemplatesByChannel = ReadonlyMap<string, readonly StoredTemplate[]>
export type TemplateSource = (tenantId: string, businessType: string) => Promise<TemplatesByChannel>

/** Cached look-up of templates. */
export function createTemplateSource(pool: Pool, changes: ConfigChanges): TemplateSource {
  return createTenantCache<TemplatesByChannel>(async (tenantId, businessType) => {
    const [rows] = await pool.query<RowDataPacket[]>(
      `SELECT channel_type, message_type, template_content FROM msg_template
       WHERE tenant_id = ? AND business_type = ? AND enabled = 1`,
      [tenantId, businessType],
    )
    const templates = rows.map(
      (row): StoredTemplate => ({
        channelType: row.channel_type,
        messageType: row.message_type,
        templateContent: row.template_content,
      }),
    )
    templates.sort((a, b) => MESSAGE_TYPES.indexOf(a.messageType) - MESSAGE_TYPES.indexOf(b.messageType))
    return Map.groupBy(templates, (template) => template.channelType)
  }, changes)
}

/** The template of the asked message type; without one, the richest. */
export function pickTemplate(
  templates: readonly StoredTemplate[] | undefined,
  messageType: MessageType | undefined,
): StoredTemplate | undefined {
  return messageType ? templates?.find((template) => template.messageType === messageType) : templates?.[0]
}
