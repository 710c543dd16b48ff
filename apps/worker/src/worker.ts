import { createAddressRules } from '@message-center/core/callbacks/address-rules.ts'
import { createCallbackClient } from '@message-center/core/callbacks/callback-client.ts'
import { createSigningSecrets } from '@message-center/core/callbacks/signing-secrets.ts'
import { createProviderFetch } from '@message-center/core/channels/http.ts'
import { loadChannels } from '@message-center/core/channels/load-channels.ts'
import { circuitKey, createCircuitStore } from '@message-center/core/circuits/circuit-store.ts'
import { createCircuits } from '@message-center/core/circuits/circuits.ts'
import { createCandidateSource } from '@message-center/core/configs/candidates.ts'
import { followLogLevel } from '@message-center/core/configs/follow-log-level.ts'
import { createSettingsSource } from '@message-center/core/configs/settings-source.ts'
import { createTemplateSource } from '@message-center/core/configs/template-source.ts'
import { watchChanges } from '@message-center/core/configs/watch-changes.ts'
import { awaitDatabase } from '@message-center/core/database/await-database.ts'
import { connectDatabase, createDatabasePool } from '@message-center/core/database/pool.ts'
import type { DerivedStatus, FinishedMessage } from '@message-center/core/messages/message-status.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
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
import { sentBefore } from '@message-center/core/rate-limit/sent-before.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import { type Env, EnvError } from '@message-center/core/settings/env.ts'
import { importExtension } from '@message-center/core/settings/import-extension.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { createMessageCounts } from '@message-center/core/telemetry/message-counts.ts'
import { UPKEEP_METRICS } from '@message-center/core/telemetry/metric-definitions.ts'
import { createMetrics, registerMetrics } from '@message-center/core/telemetry/metrics.ts'
import { exposeSharedState } from '@message-center/core/telemetry/shared-state.ts'
import { createWorkerFactory } from './bull-worker.ts'
import { createCallbackEnqueuer } from './callbacks/callback-enqueuer.ts'
import { createCallbackSlots } from './callbacks/callback-slots.ts'
import { startCallbackWorker } from './callbacks/callback-worker.ts'
import { createCallbackWriter } from './callbacks/callback-writer.ts'
import { startChannelWorker } from './delivery/channel-worker.ts'
import { createResultChecks, startResultWorker } from './delivery/check-result.ts'
import { createTaskWriter } from './delivery/task-writer.ts'
import { createJobWaker } from './delivery/wake-jobs.ts'
import { checkHandler, orderHandlers } from './pipeline/compose.ts'
import type { PipelineContext } from './pipeline/context.ts'
import { createDispatcher } from './pipeline/dispatcher.ts'
import { builtInHandlers } from './pipeline/handlers/index.ts'
import { startPipelineWorker } from './pipeline/pipeline-worker.ts'
import { createMessageRunner } from './pipeline/run-message.ts'
import { reconcile } from './scheduled/reconcile.ts'
import { startScheduler } from './scheduled/scheduler.ts'
import { scheduledTasks } from './scheduled/tasks.ts'
import { startWatchdog } from './watchdog.ts'

/** Connections besides the ones in use by batches that happen at once: claim, record, finish, dispatch, load, reconcile. */
const DATABASE_CONNECTIONS = 12
/** Sends get this long to end by themselves at shutdown; then they are aborted, and their outcome is recorded. */
const SHUTDOWN_GRACE_MS = 6_000

/**
 * Builds and starts a worker: the consumers of the queues that WORKER_QUEUES names (default: all).
 * @param signal ends the waiting for the database
 * @throws EnvError or the reason why an extension does not load
 */
export async function startWorker(env: Env, logger: Logger, signal: AbortSignal) {
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
  const wanted = wantedQueues(env, channelTypes)
  const extensions = await loadHandlers(env)
  // Whatever is wrong with the environment has been told by now; the rest may take as long as others need to come up.
  await awaitDatabase(pool, logger, signal)
  const metrics = createMetrics()
  // As in the pipeline: what is not loaded here comes last.
  const channelOrder = (type: string) => (registry.has(type) ? channelTypes.indexOf(type) : channelTypes.length)
  const queues = createQueues(env, redis, warn('queue'))
  exposeSharedState(metrics, { redis, queues, channelTypes, pools: { main: pool }, warn })
  const changes = watchChanges(pool, warn('changes of configs cannot be seen'))
  const configs = createCandidateSource(pool, changes)
  const settings = createSettingsSource(pool, env, changes)
  followLogLevel(logger, settings, changes)
  const counts = createMessageCounts(metrics, { pool, settings, onError: warn('the busiest tenants cannot be read') })
  const templates = createTemplateSource(pool, changes)
  const limiter = createRateLimiter({
    redis,
    keyPrefix: rateLimitKeyPrefix(env),
    maxCallMs: env.sendTimeoutMs,
    sentBefore: (limit) => sentBefore(pool, limit),
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
  const onFinished = (messages: FinishedMessage[]) => {
    for (const { tenantId, status, callback } of messages) {
      counts.finished(tenantId, status)
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
  const dispatch = createDispatcher({
    pool,
    queues,
    settings,
    onEnqueueError,
    onCallbackDue: callbackJobs.add,
    onBatch: (messages) => onBatch('dispatch', messages),
  })
  const onStatus = ({ message, allChannels, failure }: PipelineContext, { status }: DerivedStatus) => {
    if (status !== 'PROCESSING') counts.finished(message.tenantId, status)
    for (const channel of allChannels) {
      const { code } = failure ?? channel.failure ?? {}
      if (code) counts.taskFinished({ tenantId: message.tenantId, channelType: channel.channelType }, code)
    }
  }
  const handlers = orderHandlers([
    ...builtInHandlers({
      registry,
      settings,
      templates,
      cipher,
      limiter,
      limitOf,
      circuits,
      now: () => new Date(),
      metrics,
      dispatch,
      onStatus,
    }),
    ...extensions,
  ])
  const run = createMessageRunner({
    handlers,
    changes,
    configs,
    channelOrder: channelTypes,
    metrics,
    logger,
    dispatch,
    onStatus,
  })
  const providers = createProviderFetch({ timeoutMs: env.sendTimeoutMs })
  const callbackClient = createCallbackClient({
    timeoutMs: env.sendTimeoutMs,
    mayReach: createAddressRules(env.callbackAllowCidrs),
  })
  const callbackWriter = createCallbackWriter(pool, warn('callback outcome'))
  const underWay = new Set<AbortController>()
  const factory = createWorkerFactory(env, logger)
  const { createWorker } = factory

  if (wanted.has(PIPELINE_QUEUE)) startPipelineWorker(env.pipelineConcurrency, createWorker, { pool, run })
  const wake = createJobWaker(queues, warn('a job cannot be brought forward'))
  const checkResultLater = createResultChecks(queues.results, warn('a result cannot be asked for'))
  for (const channelType of channelTypes.filter((type) => wanted.has(channelQueue(type)))) {
    startChannelWorker(channelType, env.channelConcurrency, createWorker, {
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
      wake,
      checkResultLater,
      now: () => Date.now(),
    })
  }
  if (wanted.has(RESULT_QUEUE)) {
    const { fetch } = providers
    const { sendTimeoutMs } = env
    startResultWorker(createWorker, {
      pool,
      registry,
      configs,
      cipher,
      fetch,
      sendTimeoutMs,
      underWay,
      logger,
      metrics,
    })
  }
  if (wanted.has(CALLBACK_QUEUE)) {
    startCallbackWorker(env.channelConcurrency, createWorker, {
      writer: callbackWriter,
      client: callbackClient,
      slots: createCallbackSlots(env.channelConcurrency),
      secrets: createSigningSecrets(pool, changes),
      cipher,
      metrics,
      logger,
      sendTimeoutMs: env.sendTimeoutMs,
      underWay,
      now: () => Date.now(),
    })
  }
  const upkeepMetrics = registerMetrics(metrics.registry, UPKEEP_METRICS)
  const recovery = { pool, redis, queues, configs, settings, metrics, channelOrder, onFinished }
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
    /** Takes no more work, ends what is in hand and closes every connection. */
    async stop() {
      const abort = setTimeout(() => {
        for (const controller of underWay) controller.abort()
      }, SHUTDOWN_GRACE_MS)
      watchdog.stop()
      await scheduler?.stop()
      circuits.stop()
      counts.stop()
      await factory.close()
      clearTimeout(abort)
      await Promise.all([writer.drain(), callbackWriter.drain()])
      await Promise.all([limiter.drain(), callbackJobs.drain()])
      await Promise.all([queues.close(), changes.close(), providers.close(), callbackClient.close(), pool.end()])
      redis.disconnect()
    },
  }
}

/** The handlers that MESSAGE_HANDLERS names. */
async function loadHandlers(env: Env): Promise<MessageHandler[]> {
  const loaded: MessageHandler[] = []
  for (const specifier of env.messageHandlers) {
    loaded.push(await importExtension<MessageHandler>('MESSAGE_HANDLERS', specifier, checkHandler))
  }
  return loaded
}

/** WORKER_QUEUES takes queue names; a channel type stands for its queue. */
function wantedQueues(env: Env, channelTypes: readonly string[]): Set<string> {
  const all = [PIPELINE_QUEUE, SCHEDULED_QUEUE, RESULT_QUEUE, CALLBACK_QUEUE, ...channelTypes.map(channelQueue)]
  if (env.workerQueues.length === 0) return new Set(all)
  const wanted = env.workerQueues.map((name) => (channelTypes.includes(name) ? channelQueue(name) : name))
  const unknown = wanted.find((name) => !all.includes(name))
  if (unknown) throw new EnvError(`WORKER_QUEUES names '${unknown}'; there are ${all.join(', ')}`)
  return new Set(wanted)
}
