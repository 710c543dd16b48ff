import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import type { ChannelPlan, MessageContext, MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { ConfigLimits } from '@message-center/core/quota/config-limits.ts'
import type { Candidate } from '@message-center/core/rate-limit/operations.ts'
import type { RateLimiter } from '@message-center/core/rate-limit/rate-limiter.ts'
import { reservationKey } from '@message-center/core/rate-limit/reservation-key.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import type { TrackedChannel } from '../context.ts'

/**
 * Reserves a slot for each channel: on the first candidate with room, by priority; configs of equal priority are a pool.
 * Where none has room, one that may wait takes a later slot; else the channel is dropped. One call for all channels.
 */
export function rateLimit(deps: {
  limiter: RateLimiter
  limitOf: ConfigLimits
  metrics: Pick<Metrics, 'rateLimitRejections' | 'rateLimitWait'>
}): MessageHandler {
  const { rateLimitRejections, rateLimitWait } = deps.metrics
  return {
    name: 'rate-limit',
    order: 400,
    async handle(context, next) {
      // What waits for its window takes a slot when that opens: those of now are for what is sent now.
      const channels = context.channels.filter(({ notBefore }) => notBefore === null) as TrackedChannel[]
      const reservations = await deps.limiter.reserveAll(
        await Promise.all(
          channels.map(async (channel) => ({
            member: memberOf(context, channel),
            groups: await pools(channel.candidates, deps.limitOf),
          })),
        ),
      )
      for (const [index, channel] of channels.entries()) {
        const reservation = reservations[index]
        if (!reservation) continue
        if (!reservation.reserved) {
          rateLimitRejections.inc({ channel: channel.channelType })
          context.drop(channel.channelType, 'RATE_LIMITED', `${describe(channel)}; ${whenFree(reservation)}`)
          continue
        }
        const config = channel.candidates.find(({ id }) => id === reservation.configId)
        if (!config) continue
        channel.config = config
        channel.releaseSlot = () => release(deps.limiter, memberOf(context, channel), config)
        const waitMs = reservation.slotAt - reservation.now
        if (waitMs <= 0) continue
        rateLimitWait.observe({ channel: channel.channelType }, waitMs / 1_000)
        channel.notBefore = new Date(Date.now() + waitMs)
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
async function pools(candidates: readonly CandidateConfig[], limitOf: ConfigLimits): Promise<Candidate[][]> {
  const limits = await Promise.all(
    candidates.map(async (config) => ({ ...(await limitOf(config)), policy: config.overflowPolicy })),
  )
  const priorities = new Map(candidates.map(({ id, priority }) => [id, priority]))
  return [...Map.groupBy(limits, ({ configId }) => priorities.get(configId)).values()]
}

function whenFree({ freeAt, now }: { freeAt: number | null; now: number }): string {
  return freeAt === null
    ? 'the monthly quota is used up'
    : `the next slot is free in ${Math.ceil((freeAt - now) / 1000)} s`
}

function describe({ candidates }: ChannelPlan): string {
  return candidates
    .map(({ channelName, rateLimit: { count, windowMs }, monthlyQuota }) => {
      const quota = monthlyQuota === null ? '' : ` and ${monthlyQuota} a month`
      return `'${channelName}' takes ${count} per ${windowMs / 1000} s${quota}`
    })
    .join(', ')
}
