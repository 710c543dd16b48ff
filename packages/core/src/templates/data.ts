/** What a template's names are looked up in. */
export type TemplateData = Readonly<Record<string, unknown>>

export interface TemplateDataSource {
  /** Parsed by `parseLossless`, so that numbers keep their digits. */
  businessData: Readonly<Record<string, unknown>>
  attributes?: Readonly<Record<string, unknown>> | null
  message: { messageId: string; tenantId: string; storeId?: string | null; businessType: string }
}

/**
 * The data of a message as templates see it: businessData's keys at the root, `attributes`, and `message`. The last two win over
 * keys of businessData with the same name. `message.storeId` of a tenant-level message is null and so counts as missing.
 */
export function buildTemplateData({ businessData, attributes, message }: TemplateDataSource): TemplateData {
  const { messageId, tenantId, storeId, businessType } = message
  return {
    ...businessData,
    attributes: attributes ?? {},
    message: { messageId, tenantId, storeId: storeId ?? null, businessType },
  }
}
