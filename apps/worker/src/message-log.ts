import { traceIdOf } from '@message-center/core/telemetry/tracing.ts'

/** What every log line about a message carries, so that its id finds them all. */
export function logFieldsOf({
  tenantId,
  messageId,
  traceparent,
}: {
  tenantId: string
  messageId: string
  traceparent?: string | null
}) {
  const traceId = traceIdOf(traceparent)
  return { tenantId, messageId, ...(traceId ? { traceId } : {}) }
}
