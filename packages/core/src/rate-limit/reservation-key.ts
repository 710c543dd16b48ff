/** Deterministic per message and channel: a pipeline that runs again finds its reservation, and so does the send. */
export function reservationKey(task: { tenantId: string; messageId: string; channelType: string }): string {
  return `${task.tenantId}/${task.messageId}/${task.channelType}`
}

/** The message id of a reservation's key; none of its parts holds a slash. */
export function messageOf(reservation: string): string {
  return reservation.split('/')[1] ?? ''
}
