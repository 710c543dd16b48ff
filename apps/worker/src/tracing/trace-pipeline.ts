import type { PipelineMessage } from '@message-center/core/messages/load-messages.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import { MESSAGE_ID, TENANT_ID, type Tracing } from '@message-center/core/telemetry/tracing.ts'
import type { PipelineContext } from '../pipeline/context.ts'

type Run = (message: PipelineMessage) => Promise<void>

/** A span around a message's run through the pipeline, in the trace that began with its acceptance; its tasks go on from there. */
export function traceRuns(run: Run, tracing: Tracing): Run {
  return (message) => {
    if (message.traceparent === null) return run(message)
    const attributes = {
      'messaging.system': 'bullmq',
      'messaging.destination.name': 'pipeline',
      'messaging.operation.type': 'process',
      [TENANT_ID]: message.tenantId,
      [MESSAGE_ID]: message.messageId,
      'message_center.business_type': message.businessType,
      'message_center.since_accepted_ms': Date.now() - message.acceptedAt.getTime(),
    }
    return tracing.within({ name: 'pipeline', kind: 'consumer', parent: message.traceparent, attributes }, (span) =>
      run({ ...message, traceparent: span.traceparent ?? message.traceparent }),
    )
  }
}

/** Called when a handler has handed on or ended, after the context has noted it. */
export type StepTracer = (
  context: PipelineContext,
  handler: MessageHandler,
  startedAt: Date,
  durationMs: number,
) => void

/** A span per handler, its successors not counted: side by side below the run's. */
export function createStepTracer(tracing: Tracing): StepTracer {
  return (context, { name }, startedAt, durationMs) => {
    const { message, steps } = context
    if (message.traceparent === null) return
    const step = steps.at(-1)
    const attributes = {
      [TENANT_ID]: message.tenantId,
      [MESSAGE_ID]: message.messageId,
      'message_center.outcome': step?.outcome,
      'message_center.detail': step?.detail,
    }
    tracing.record({ name, parent: message.traceparent, attributes }, startedAt.getTime(), durationMs)
  }
}
