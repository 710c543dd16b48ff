import { createHash } from 'node:crypto'
import type { ChannelPlan, MessageContext, MessageHandler } from '@message-center/core'
import type { SeenContents } from './seen-contents.ts'
import type { DedupeSettings } from './settings.ts'

/** After a failed call Redis is left alone for so long: a hanging one must not hold up every message. */
const REST_MS = 1000

/**
 * Drops a channel of a message whose very content went to the same channel, for the same recipients, within the window. It
 * stands between `template-render` (500) and `channel-dispatch` (600): only there is the content known and nothing sent yet.
 * The rate-limit slot of what is dropped is given back by the service.
 */
export function createDedupeHandler(
  seen: Pick<SeenContents, 'firstSender' | 'forget'>,
  { windowMs, channels }: Pick<DedupeSettings, 'windowMs' | 'channels'>,
): MessageHandler {
  let restUntil = 0
  let away = false

  /** Asks Redis; where it is away, duplicates pass: a message too many does less harm than one too few. */
  async function ask<T>(context: MessageContext, call: () => Promise<T>): Promise<T | undefined> {
    if (Date.now() < restUntil) return undefined
    try {
      const answer = await call()
      if (away) context.logger.info({}, 'dedupe: Redis is back')
      away = false
      return answer
    } catch (error) {
      if (!away) context.logger.warn({ err: error }, 'dedupe: Redis is away, duplicates are let through')
      away = true
      restUntil = Date.now() + REST_MS
      return undefined
    }
  }

  return {
    name: 'dedupe',
    order: 550,
    async handle(context, next) {
      const { message } = context
      const looked = context.channels
        .filter((channel) => concerns(channel, channels) && message.attributes.dedupe !== false)
        .map((channel) => ({ channelType: channel.channelType, content: fingerprint(message.tenantId, channel) }))
      await Promise.all(
        looked.map(async ({ channelType, content }) => {
          const first = await ask(context, () => seen.firstSender(content, message.messageId, windowMs))
          // A job may run again, from the start: its own note makes nobody a duplicate.
          if (first !== undefined && first !== message.messageId)
            context.drop(channelType, 'DUPLICATE', `message ${first} said the same here within ${describe(windowMs)}`)
        }),
      )
      const noted = looked.filter(({ channelType }) => isIn(context, channelType))
      await next()
      // A later step took it out: what was not sent is no reason to drop the next one.
      const lost = noted.filter(({ channelType }) => !isIn(context, channelType))
      await Promise.all(lost.map(({ content }) => ask(context, () => seen.forget(content, message.messageId))))
    },
  }
}

function concerns({ channelType, renderedContent }: ChannelPlan, channels: ReadonlySet<string>): boolean {
  return renderedContent !== null && (channels.size === 0 || channels.has(channelType))
}

function isIn(context: MessageContext, channelType: string): boolean {
  return context.channels.some((channel) => channel.channelType === channelType)
}

/**
 * What makes two messages say the same thing at the same place. The place is the channel of the store or the tenant that
 * answers for it, not the one config of a pool that happens to have room.
 */
function fingerprint(tenantId: string, { channelType, config, messageType, renderedContent, recipients }: ChannelPlan) {
  const { userIds = [], mobiles = [], all = false } = recipients ?? {}
  const parts = [
    [tenantId, config?.storeId ?? null, channelType],
    [messageType, renderedContent],
    [userIds.toSorted(), mobiles.toSorted(), all],
  ]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

function describe(windowMs: number): string {
  return windowMs % 60_000 === 0 ? `${windowMs / 60_000} min` : `${windowMs / 1000} s`
}
