import { createAddressRules } from '@message-center/core/callbacks/address-rules.ts'
import { createCallbackClient } from '@message-center/core/callbacks/callback-client.ts'
import { createSigningSecrets } from '@message-center/core/callbacks/signing-secrets.ts'
import { createProviderFetch } from '@message-center/core/channels/http.ts'
import { loadChannels } from '@message-center/core/channels/load-channels.ts'
import { traceProviderCalls } from '@message-center/core/channels/trace-calls.ts'
import { circuitKey, createCircuitStore } from '@message-center/core/circuits/circuit-store.ts'
import { createCircuits } from '@message-center/core/circuits/circuits.ts'
import { createCandidateSource } from '@message-center/core/configs/candidates.ts'
import { followLogLevel } from '@message-center/core/configs/follow-log-level.ts'
import { followNacos } from '@message-center/core/configs/follow-nacos.ts'
import { createSettingsSource } from '@message-center/core/configs/settings-source.ts'
import { createTemplateSource } from '@message-center/core/configs/template-source.ts'
import { watchChanges } from '@message-center/core/configs/watch-changes.ts'
import type { MessageStatus } from '@message-center/core/contracts/messages.ts'
import { awaitDatabase } from '@message-center/core/database/await-database.ts'
import { connectDatabase, createDatabasePool, endPool } from '@message-center/core/database/pool.ts'
import { awaitsPipeline, loadMessages } from '@message-center/core/messages/load-messages.ts'
import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import type { FinishedMessage } from '@message-center/core/messages/message-status.ts'
import { openNacosSettings } from '@message-center/core/nacos/open-nacos.ts'
import { warnOfUnfitRedis } from '@message-center/core/queues/check-redis.ts'
import { createLossMarkers } from '@message-center/core/queues/loss-markers.ts'
import {
  CALLBACK_QUEUE,
  channelQueue,
  PIPELINE_QUEUE,
  RESULT_QUEUE,
  SCHEDULED_QUEUE,
} from '@message-center/core/queues/names.ts'
import { createQueues } from '@message-center/core/queues/queues.ts'
import { createFailFastRedis } from '@message-center/core/queues/redis.ts'
import { createConfigLimits } from '@message-center/core/quota/config-limits.ts'
import { exposeQuotas } from '@message-center/core/quota/quota-gauges.ts'
import { createQuotaMonth } from '@message-center/core/quota/quota-month.ts'
import { createRateLimiter, rateLimitKeyPrefix } from '@message-center/core/rate-limit/rate-limiter.ts'
import { createSentBefore } from '@message-center/core/rate-limit/sent-before.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { createMessageCounts } from '@message-center/core/telemetry/message-counts.ts'
import { UPKEEP_METRICS } from '@message-center/core/telemetry/metric-definitions.ts'
import { createMetrics, registerMetrics } from '@message-center/core/telemetry/metrics.ts'
import { exposeSharedState } from '@message-center/core/telemetry/shared-state.ts'
import type { Tracing } from '@message-center/core/telemetry/tracing.ts'
import { createWorkerFactory } from './bull-worker.ts'
import { createCallbackEnqueuer } from './callbacks/callback-enqueuer.ts'
import { createCallbackSlots } from './callbacks/callback-slots.ts'
import { startCallbackWorker } from './callbacks/callback-worker.ts'
import { createCallbackWriter } from './callbacks/callback-writer.ts'
import { WorkerStops } from './delivery/attempt.ts'
import { startChannelWorker } from './delivery/channel-worker.ts'
import { createResultChecks, startResultWorker } from './delivery/check-result.ts'
import { deliver } from './delivery/deliver.ts'
import { createPauseLooks } from './delivery/pause-looks.ts'
import { createTaskWriter } from './delivery/task-writer.ts'
import type { Verdict } from './delivery/verdict.ts'
import { createJobWaker } from './delivery/wake-jobs.ts'
import { logFieldsOf } from './message-log.ts'
import { buildPipeline } from './pipeline/build-pipeline.ts'
import { loadHandlers } from './pipeline/load-handlers.ts'
import { startPipelineWorker } from './pipeline/pipeline-worker.ts'
import type { Work } from './quarantine/protocol.ts'
import { createQuarantine } from './quarantine/quarantine.ts'
import { reconcile } from './scheduled/reconcile.ts'
import { startScheduler } from './scheduled/scheduler.ts'
import { scheduledTasks } from './scheduled/tasks.ts'
import { createDeliveryTraces } from './tracing/trace-delivery.ts'
import { wantedQueues } from './wanted-queues.ts'
import { startWatchdog } from './watchdog.ts'

/** Connections besides the ones in use by batches that happen at once: claim, record, finish, dispatch, load, reconcile. */
const DATABASE_CONNECTIONS = 12
/** Sends get this long to end by themselves at shutdown; then they are aborted, and their outcome is recorded. */
const SHUTDOWN_GRACE_MS = 6_000

export type RunningWorker = Awaited<ReturnType<typeof startWorker>>

export interface WorkerOptions {
  /** Set in a quarantine process: it consumes nothing and does what it is given. Its claims begin with this. */
  holder?: string
  /** Called once the environment has been found right: what is left may take as long as others need to come up. */
  onWaiting?(): Promise<unknown>
  tracing?: Tracing | undefined
}

/**
 * Builds and starts a worker: the consumers of the queues that WORKER_QUEUES names (default: all).
 * @param signal ends the waiting for the database
 * @throws EnvError or the reason why an extension does not load
 */
export async function startWorker(
  env: Env,
  logger: Logger,
  signal: AbortSignal,
  { holder, onWaiting, tracing }: WorkerOptions = {},
) {
  const pool = createDatabasePool(env, DATABASE_CONNECTIONS)
  const redis = createFailFastRedis(env)
  const warn = (what: string) => (error: unknown) => logger.warn({ err: error }, what)
  redis.on('error', warn('redis'))
  warnOfUnfitRedis(redis, logger)
  const cipher = createCipher(env.encryptionKeys)
  const registry = await loadChannels(env, {
    pool,
    redis,
    cipher,
    onTokenError: warn('access tokens'),
    onWakeUpError: warn('open inbox streams were not woken; they look by themselves'),
  })
  const channelTypes = [...registry.keys()]
  const wanted = holder ? new Set<string>() : wantedQueues(env, channelTypes)
  const extensions = await loadHandlers(env)
  await onWaiting?.()
  await awaitDatabase(pool, logger, signal)
  const metrics = createMetrics()
  // As in the pipeline: what is not loaded here comes last.
  const channelOrder = (type: string) => (registry.has(type) ? channelTypes.indexOf(type) : channelTypes.length)
  const queues = createQueues(env, redis, warn('queue'))
  exposeSharedState(metrics, { redis, queues, channelTypes, pools: { main: pool }, warn })
  const nacos = openNacosSettings(env, logger)
  const changes = followNacos(watchChanges(pool, warn('changes of configs cannot be seen')), nacos)
  const configs = createCandidateSource(pool, changes)
  const settings = createSettingsSource(pool, env, changes, nacos)
  followLogLevel(logger, settings, changes)
  const counts = createMessageCounts(metrics, { pool, settings, onError: warn('the busiest tenants cannot be read') })
  const limiter = createRateLimiter({
    redis,
    keyPrefix: rateLimitKeyPrefix(env),
    maxCallMs: env.sendTimeoutMs,
    sentBefore: createSentBefore(pool),
    onSettleError: warn('rate limit'),
  })
  const monthOf = createQuotaMonth(registry)
  const limitOf = createConfigLimits(pool, monthOf)
  exposeQuotas(metrics.registry, pool, monthOf, warn('monthly quotas cannot be read'))
  const circuits = createCircuits({
    store: createCircuitStore({ redis, key: circuitKey(env) }),
    onError: warn('circuits'),
    onLook: (open) => {
      for (const channel of channelTypes) metrics.circuitsOpen.set({ channel }, open.get(channel) ?? 0)
    },
  })
  const onEnqueueError = (error: unknown, count: number) => {
    metrics.enqueueFailures.inc(count)
    logger.warn({ err: error, count }, 'jobs could not be added; the reconciler will')
  }
  const callbackJobs = createCallbackEnqueuer({ queues, onEnqueueError })
  const tellFinished = (message: MessageRef & { traceparent?: string | null }, status: MessageStatus) => {
    counts.finished(message.tenantId, status)
    logger.info({ ...logFieldsOf(message), status }, 'message finished')
  }
  const onFinished = (messages: FinishedMessage[]) => {
    for (const { status, callback, ...message } of messages) {
      tellFinished(message, status)
      if (callback) callbackJobs.add(callback)
    }
  }
  const onBatch = (batch: string, items: number) => metrics.writeBatch.observe({ batch }, items)
  const writer = createTaskWriter({
    pool,
    channelOrder,
    onFinished,
    onError: (error, what) => warn(what)(error),
    onBatch,
  })
  const runner = buildPipeline({
    pool,
    queues,
    registry,
    changes,
    configs,
    settings,
    templates: createTemplateSource(pool, changes),
    cipher,
    limiter,
    limitOf,
    circuits,
    extensions,
    metrics,
    counts,
    tracing,
    logger,
    onEnqueueError,
    onCallbackDue: callbackJobs.add,
    onBatch: (messages) => onBatch('dispatch', messages),
    onEnded: tellFinished,
  })
  const traces = tracing && createDeliveryTraces(tracing)
  const providers = createProviderFetch({
    timeoutMs: env.sendTimeoutMs,
    ...(tracing ? { around: traceProviderCalls(tracing) } : {}),
  })
  const callbackClient = createCallbackClient({
    timeoutMs: env.sendTimeoutMs,
    mayReach: createAddressRules(env.callbackAllowCidrs),
  })
  const callbackWriter = createCallbackWriter(pool, warn('callback outcome'))
  const underWay = new Set<AbortController>()
  const factory = createWorkerFactory(env, logger)
  const { createWorker } = factory

  const quarantine = createQuarantine({ pool, metrics, logger })
  if (wanted.has(PIPELINE_QUEUE))
    startPipelineWorker(env.pipelineConcurrency, createWorker, { pool, runner, quarantine })
  const wake = createJobWaker(queues, warn('a job cannot be brought forward'))
  const checkResultLater = createResultChecks(queues.results, warn('a result cannot be asked for'))
  const delivery = {
    pool,
    registry,
    changes,
    configs,
    settings,
    cipher,
    limiter,
    limitOf,
    circuits,
    writer,
    metrics,
    counts,
    logger,
    fetch: providers.fetch,
    sendTimeoutMs: env.sendTimeoutMs,
    underWay,
    traces,
    wake,
    checkResultLater,
    holder: holder ?? null,
    nextPauseLookMs: createPauseLooks(),
    now: () => Date.now(),
  }
  for (const channelType of channelTypes.filter((type) => wanted.has(channelQueue(type)))) {
    startChannelWorker(channelType, env.channelConcurrency, createWorker, { ...delivery, quarantine })
  }
  if (wanted.has(RESULT_QUEUE)) startResultWorker(createWorker, delivery)
  if (wanted.has(CALLBACK_QUEUE)) {
    startCallbackWorker(env.channelConcurrency, createWorker, {
      ...delivery,
      writer: callbackWriter,
      client: callbackClient,
      slots: createCallbackSlots(env.channelConcurrency),
      secrets: createSigningSecrets(pool, changes),
    })
  }
  function abortSends(): void {
    for (const controller of underWay) controller.abort(new WorkerStops())
    quarantine.abort()
  }

  const upkeepMetrics = registerMetrics(metrics.registry, UPKEEP_METRICS)
  /** Where its adapter was taken out while tasks of it waited: `deliver` fails them. */
  function onLongDue(channelType: string): void {
    const isTaken = factory.consumers.some(({ queue }) => queue === channelQueue(channelType))
    if (registry.has(channelType) || isTaken) return
    logger.warn({ channel: channelType }, 'tasks wait for an adapter that is not loaded: they fail')
    startChannelWorker(channelType, env.channelConcurrency, createWorker, { ...delivery, quarantine })
  }
  const recovery = { pool, redis, queues, configs, settings, metrics, channelOrder, onFinished, onLongDue }
  const partitions = { pool, connect: () => connectDatabase(env), settings, metrics: upkeepMetrics, logger }
  const lines = { pool, limiter, writer, wake }
  const tokens = { pool, registry, cipher, fetch: providers.fetch, metrics: upkeepMetrics, logger }
  const scheduler = wanted.has(SCHEDULED_QUEUE)
    ? startScheduler({
        tasks: scheduledTasks({ reconcile: recovery, partitions, lines, tokens, metrics: upkeepMetrics }),
        rebuild: () => reconcile(recovery, { everything: true }),
        settings,
        changes,
        queue: queues.scheduled,
        markers: createLossMarkers(env, redis, () => queues.all().map(({ name }) => name)),
        createWorker,
        metrics: upkeepMetrics,
        logger,
      })
    : undefined
  const { consumers } = factory
  const watchdog = startWatchdog({ consumers, queues: queues.all(), redis, metrics: upkeepMetrics, logger })

  return {
    metrics,
    fault: watchdog.fault,
    /** Rejects while MySQL or Redis does not answer. */
    async ready() {
      await Promise.all([pool.query('SELECT 1'), redis.ping()])
    },
    /** Does what a quarantine process is given. @throws on a fault of the system */
    async run(work: Work): Promise<Verdict | null> {
      if (work.kind === 'deliver') {
        const verdict = await deliver(work.job, delivery)
        if (verdict.queue === 'quarantine') throw new Error('there is no second quarantine')
        return verdict
      }
      const [message] = await loadMessages(pool, [work.message])
      if (message && awaitsPipeline(message)) await runner.run(message)
      return null
    },
    /** Breaks off the sends under way: whether they arrived is not known. */
    abortSends,
    /**
     * Takes no more work, ends what is in hand and closes every connection.
     * @param crashed an error that nobody caught is the reason: a send that does not end by itself may be where it came from. It
     * is not given back then, but left to those who look into that
     */
    async stop({ crashed = false } = {}) {
      const abort = crashed ? undefined : setTimeout(abortSends, SHUTDOWN_GRACE_MS)
      watchdog.stop()
      await scheduler?.stop()
      circuits.stop()
      counts.stop()
      await factory.close()
      clearTimeout(abort)
      await quarantine.stop()
      await Promise.all([writer.drain(), callbackWriter.drain()])
      await Promise.all([limiter.drain(), callbackJobs.drain()])
      await Promise.all([queues.close(), changes.close(), providers.close(), callbackClient.close(), endPool(pool)])
      redis.disconnect()
    },
  }
}
