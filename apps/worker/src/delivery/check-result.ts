import type { ChannelAdapter } from '@message-center/core/channels/adapter.ts'
import { openSettings } from '@message-center/core/configs/channel-config-secrets.ts'
import { addToResult, findSentTask } from '@message-center/core/messages/sent-tasks.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { RESULT_QUEUE } from '@message-center/core/queues/names.ts'
import { type Queue, UnrecoverableError } from 'bullmq'
import type { Pool } from 'mysql2/promise'
import { startIsolatedWorker } from '../bulkhead/isolated-worker.ts'
import type { WorkerFactory } from '../bull-worker.ts'
import { logFieldsOf } from '../message-log.ts'
import { classify } from './outcome.ts'
import type { DeliveryDependencies, ResultChecks } from './verdict.ts'

export interface ResultDependencies
  extends Pick<
    DeliveryDependencies,
    'registry' | 'configs' | 'cipher' | 'fetch' | 'sendTimeoutMs' | 'underWay' | 'logger' | 'metrics' | 'traces'
  > {
  pool: Pool
}

const CONCURRENCY = 16
/** A provider that does not know yet is asked after 15, 30, 60 and 120 s more. */
const JOB_OPTIONS = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 15_000 },
  stackTraceLimit: 1,
}

/** The producer side: a delayed job per task. */
export function createResultChecks(queue: Queue, onError: (error: unknown) => void): ResultChecks {
  return async (job, afterMs) => {
    try {
      await queue.add(job.messageId, job, { ...JOB_OPTIONS, jobId: `t${job.taskId}`, delay: Math.max(0, afterMs) })
    } catch (error) {
      onError(error)
    }
  }
}

/**
 * The consumer side: a queue of its own, so that it takes neither slots nor rate from the sends (docs/adr/0008). A provider
 * that hangs leaves slots to the others here too.
 */
export function startResultWorker(createWorker: WorkerFactory, deps: ResultDependencies) {
  const queue = {
    name: RESULT_QUEUE,
    slots: CONCURRENCY,
    holderOf: ({ tenantId, configId }: ChannelJob) => ({ tenantId, key: configId }),
    onSetAside: (count: number) => deps.metrics.jobsSetAside.set({ queue: RESULT_QUEUE }, count),
  }
  const { traces } = deps
  return startIsolatedWorker<ChannelJob>(createWorker, queue, ({ data }) => {
    const work = () => checkResult(data, deps)
    return traces ? traces.afterwards(`ask ${data.channelType}`, data, work) : work()
  })
}

async function checkResult(job: ChannelJob, deps: ResultDependencies): Promise<string> {
  const adapter = deps.registry.get(job.channelType)?.adapter
  const config = await deps.configs.config(job.tenantId, job.configId)
  const task = await findSentTask(deps.pool, job)
  if (!adapter?.checkResult || !config || !task?.providerMessageId) return 'nothing to ask'
  const { tenantId, messageId, taskId } = job
  const sent = {
    config: openSettings(deps.cipher, config),
    providerMessageId: task.providerMessageId,
    task: { tenantId, messageId, taskId },
  }
  const logger = deps.logger.child({ ...logFieldsOf(job), channel: job.channelType })
  const report = await ask(adapter.checkResult.bind(adapter, sent), { ...deps, logger })
  if (!report) throw new Error('the provider does not know yet')
  if (report.detail) await addToResult(deps.pool, job, report.detail)
  return report.detail ?? 'nothing to tell'
}

type Question = (
  tools: Parameters<NonNullable<ChannelAdapter['checkResult']>>[1],
) => ReturnType<NonNullable<ChannelAdapter['checkResult']>>

async function ask(question: Question, { fetch, logger, sendTimeoutMs, underWay }: ResultDependencies) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), sendTimeoutMs)
  underWay.add(controller)
  try {
    return await question({ fetch, logger, signal: controller.signal })
  } catch (error) {
    const { errorClass, code, message } = classify(error)
    if (errorClass === 'PERMANENT') throw new UnrecoverableError(`${code} ${message}`)
    throw error
  } finally {
    clearTimeout(timer)
    underWay.delete(controller)
  }
}
