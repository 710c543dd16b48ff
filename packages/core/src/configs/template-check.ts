import type { ChannelAdapter } from '../channels/adapter.ts'
import type { ChannelRegistry } from '../channels/registry.ts'
import { AppError, invalidField } from '../contracts/errors.ts'
import type { TemplateInput } from '../contracts/templates.ts'
import { lintTemplate } from '../templates/lint.ts'
import { channelOf } from './channel-config-input.ts'

/**
 * Checks what only a channel can tell of a template.
 * @returns the channel's adapter
 * @throws AppError VALIDATION_FAILED where the channel is unknown, does not have the message type, or the template does not
 *   parse or fit: with line and reason
 */
export function checkTemplate(
  registry: ChannelRegistry,
  { channelType, messageType, templateContent }: Pick<TemplateInput, 'channelType' | 'messageType' | 'templateContent'>,
): ChannelAdapter {
  const { adapter } = channelOf(registry, { channelType })
  if (!adapter.messageTypes.includes(messageType)) {
    throw invalidField('messageType', `is not one of ${channelType}: ${adapter.messageTypes.join(', ')}`)
  }
  const issues = lintTemplate({ messageType, templateContent, maxBytes: adapter.maxBytes })
  const details = issues.map(({ path, message }) => ({ path, message }))
  const [first] = details
  if (first) throw new AppError('VALIDATION_FAILED', `${first.path} ${first.message}`, { details })
  return adapter
}
