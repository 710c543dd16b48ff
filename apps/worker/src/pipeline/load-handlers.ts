import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import { importExtension } from '@message-center/core/settings/import-extension.ts'
import { checkHandler } from './compose.ts'

/**
 * The handlers that MESSAGE_HANDLERS names.
 * @throws the reason why one does not load
 */
export async function loadHandlers(env: Pick<Env, 'messageHandlers'>): Promise<MessageHandler[]> {
  const loaded: MessageHandler[] = []
  for (const specifier of env.messageHandlers) {
    loaded.push(await importExtension<MessageHandler>('MESSAGE_HANDLERS', specifier, checkHandler))
  }
  return loaded
}
