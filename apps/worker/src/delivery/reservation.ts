import type { ChannelJob } from '@message-center/core/queues/jobs.ts'

type Identity = Pick<ChannelJob, 'tenantId' | 'messageId' | 'channelType'>

/** Deterministic per message and channel: a pipeline that runs again finds its reservation, and so does the send. */
export function reservationKey({ tenantId, messageId, channelType }: Identity): string {
  return `${tenantId}/${messageId}/${channelType}`
}

/** The message id of a reservation's key; none of its parts holds a slash. */
export function messageOf(reservation: string): string {
  return reservation.split('/')[1] ?? ''
}
