import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import type { ChannelPlan, MessageContext, MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { RateLimiter } from '@message-center/core/rate-limit/rate-limiter.ts'
import { reservationKey } from '@message-center/core/rate-limit/reservation-key.ts'
import type { TrackedChannel } from '../context.ts'

/**
 * Reserves a slot for each channel: on the first candidate with room, by priority; configs of equal priority are a pool.
 * Where none has room, one that may wait takes a later slot; else the channel is dropped. One call for all channels.
 */
export function rateLimit(deps: { limiter: RateLimiter }): MessageHandler {
  return {
    name: 'rate-limit',
    order: 400,
    async handle(context, next) {
      // What waits for its window takes a slot when that opens: those of now are for what is sent now.
      const channels = context.channels.filter(({ notBefore }) => notBefore === null) as TrackedChannel[]
      const reservations = await deps.limiter.reserveAll(
        channels.map((channel) => ({ member: memberOf(context, channel), groups: pools(channel.candidates) })),
      )
      for (const [index, channel] of channels.entries()) {
        const reservation = reservations[index]
        if (!reservation) continue
        if (!reservation.reserved) {
          const wait = Math.ceil((reservation.freeAt - reservation.now) / 1000)
          context.drop(channel.channelType, 'RATE_LIMITED', `${describe(channel)}; the next slot is free in ${wait} s`)
          continue
        }
        const config = channel.candidates.find(({ id }) => id === reservation.configId)
        if (!config) continue
        channel.config = config
        channel.releaseSlot = () => release(deps.limiter, memberOf(context, channel), config)
        const waitMs = reservation.slotAt - reservation.now
        if (waitMs > 0) channel.notBefore = new Date(Date.now() + waitMs)
      }
      await next()
    },
  }
}

async function release(limiter: RateLimiter, member: string, config: CandidateConfig): Promise<void> {
  await limiter.release(member, { configId: config.id, ...config.rateLimit })
}

function memberOf({ message }: MessageContext, { channelType }: ChannelPlan): string {
  return reservationKey({ tenantId: message.tenantId, messageId: message.messageId, channelType })
}

/** Candidates come sorted by priority. */
function pools(candidates: readonly CandidateConfig[]) {
  const byPriority = Map.groupBy(candidates, ({ priority }) => priority)
  return [...byPriority.values()].map((pool) =>
    pool.map((config) => ({
      configId: config.id,
      ...config.rateLimit,
      policy: config.overflowPolicy === 'REJECT' ? ('REJECT' as const) : ('DEFER' as const),
    })),
  )
}

function describe({ candidates }: ChannelPlan): string {
  return candidates
    .map(
      ({ channelName, rateLimit: { count, windowMs } }) => `'${channelName}' takes ${count} per ${windowMs / 1000} s`,
    )
    .join(', ')
}
