import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import type { Template } from '@message-center/core/contracts/templates.ts'
import type { ApiClient } from './api-client.ts'
import { DEMO_CHANNEL_CONFIGS, DEMO_TEMPLATES } from './catalogue.ts'

const PAGE_SIZE = 200

/**
 * Makes the demo tenant's channel configs and templates through the API. A channel that has a config and a template
 * that exists are left as they are: what a person changed stays.
 * @returns how many were made
 */
export async function seedDemo(api: ApiClient): Promise<{ configs: number; templates: number }> {
  const configs = await listAll<ChannelConfig>(api, '/api/channel-configs')
  const newConfigs = DEMO_CHANNEL_CONFIGS.filter(
    (wanted) => !configs.some(({ channelType, storeId }) => channelType === wanted.channelType && storeId === null),
  )
  for (const config of newConfigs) await api.post('/api/channel-configs', config)

  const templates = await listAll<Template>(api, '/api/templates')
  const newTemplates = DEMO_TEMPLATES.filter(
    (wanted) =>
      !templates.some(
        ({ businessType, channelType, messageType }) =>
          businessType === wanted.businessType &&
          channelType === wanted.channelType &&
          messageType === wanted.messageType,
      ),
  )
  for (const template of newTemplates) await api.post('/api/templates', template)
  return { configs: newConfigs.length, templates: newTemplates.length }
}

async function listAll<Item>(api: ApiClient, path: string): Promise<Item[]> {
  const items: Item[] = []
  for (let page = 1; ; page++) {
    const result = await api.get<Page<Item>>(`${path}?page=${page}&pageSize=${PAGE_SIZE}`)
    items.push(...result.items)
    if (result.items.length < PAGE_SIZE) return items
  }
}
