/** Deterministic per message and channel: a pipeline that runs again finds its reservation, and so does the send. */
export function reservationKey(task: { tenantId: string; messageId: string; channelType: string }): string {
  return `${task.tenantId}/${task.messageId}/${task.channelType}`
}
