import { createAddressRules } from '@message-center/core/callbacks/address-rules.ts'
import { createCallbackSecretStore } from '@message-center/core/callbacks/callback-secret-store.ts'
import { callbackUrlFault } from '@message-center/core/callbacks/callback-url.ts'
import { createSigningSecrets } from '@message-center/core/callbacks/signing-secrets.ts'
import { createProviderFetch } from '@message-center/core/channels/http.ts'
import { loadChannels } from '@message-center/core/channels/load-channels.ts'
import { traceProviderCalls } from '@message-center/core/channels/trace-calls.ts'
import { createCircuitAnswers } from '@message-center/core/circuits/circuit-answers.ts'
import { circuitKey, createCircuitStore } from '@message-center/core/circuits/circuit-store.ts'
import { createClientSource } from '@message-center/core/clients/client-source.ts'
import { createClientStore } from '@message-center/core/clients/client-store.ts'
import { createCandidateSource } from '@message-center/core/configs/candidates.ts'
import { createChannelConfigStore } from '@message-center/core/configs/channel-config-store.ts'
import { followLogLevel } from '@message-center/core/configs/follow-log-level.ts'
import { followNacos } from '@message-center/core/configs/follow-nacos.ts'
import { createSettingsSource } from '@message-center/core/configs/settings-source.ts'
import { createSettingsStore } from '@message-center/core/configs/settings-store.ts'
import { createTemplateStore } from '@message-center/core/configs/template-store.ts'
import { watchChanges } from '@message-center/core/configs/watch-changes.ts'
import { createDatabasePool, endPool } from '@message-center/core/database/pool.ts'
import { createReplicaReads } from '@message-center/core/database/replica-reads.ts'
import { createTickets } from '@message-center/core/inbox/tickets.ts'
import { hearOfDeliveries } from '@message-center/core/inbox/wake-ups.ts'
import { createAcceptor } from '@message-center/core/messages/accept.ts'
import { openNacosSettings } from '@message-center/core/nacos/open-nacos.ts'
import { warnOfUnfitRedis } from '@message-center/core/queues/check-redis.ts'
import { createQueues } from '@message-center/core/queues/queues.ts'
import { createFailFastRedis } from '@message-center/core/queues/redis.ts'
import { createRateLimiter, rateLimitKeyPrefix } from '@message-center/core/rate-limit/rate-limiter.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { createMessageCounts } from '@message-center/core/telemetry/message-counts.ts'
import { createMetrics } from '@message-center/core/telemetry/metrics.ts'
import { exposeSharedState } from '@message-center/core/telemetry/shared-state.ts'
import type { Tracing } from '@message-center/core/telemetry/tracing.ts'
import fastify, { LogController } from 'fastify'
import { buildAdmission } from './admission/build-admission.ts'
import { type Availability, createAvailability } from './availability.ts'
import { createConfigTester } from './config-tester.ts'
import { createInboxFeed } from './inbox/feed.ts'
import { createOpenStreams } from './inbox/open-streams.ts'
import { createMessageOperations } from './message-operations.ts'
import { admissionPlugin } from './plugins/admission.ts'
import { answerLimitPlugin } from './plugins/answer-limit.ts'
import { authPlugin } from './plugins/auth.ts'
import { bullBoardPlugin } from './plugins/bull-board.ts'
import { drainPlugin } from './plugins/drain.ts'
import { answerClientError, answerError, errorsPlugin } from './plugins/errors.ts'
import { openapiPlugin } from './plugins/openapi.ts'
import { rateLimitPlugin } from './plugins/rate-limit.ts'
import { requestBodiesPlugin } from './plugins/request-bodies.ts'
import { requestIdOf } from './plugins/request-id.ts'
import { requestMetricsPlugin } from './plugins/request-metrics.ts'
import { securityHeadersPlugin } from './plugins/security-headers.ts'
import { validationPlugin } from './plugins/validation.ts'
import { auditLogRoutes } from './routes/audit-logs.ts'
import { authRoutes } from './routes/auth.ts'
import { callbackSecretRoutes } from './routes/callback-secret.ts'
import { channelConfigRoutes } from './routes/channel-configs.ts'
import { clientRoutes } from './routes/clients.ts'
import { inboxRoutes } from './routes/inbox.ts'
import { inboxStreamRoutes } from './routes/inbox-stream.ts'
import { messageOperationRoutes } from './routes/message-operations.ts'
import { messageRoutes } from './routes/messages.ts'
import { operationRoutes } from './routes/operations.ts'
import { systemConfigRoutes } from './routes/system-configs.ts'
import { templatePreviewRoutes } from './routes/template-preview.ts'
import { templateRoutes } from './routes/templates.ts'
import { buildRpcServer } from './rpc/server.ts'
import { traceAcceptor } from './tracing/trace-acceptor.ts'
import { traceRequestsPlugin } from './tracing/trace-requests.ts'
import { TRUSTED_PROXIES } from './trusted-proxies.ts'
import { createTaskWithdrawal } from './withdraw-tasks.ts'

const DATABASE_CONNECTIONS = 10
/** Group commits run one at a time, two while batches are full, on connections that no slow query can take. */
const COMMIT_CONNECTIONS = 2
/** Of any answer; the pool gives up on a silent database before. */
const ANSWER_LIMIT_MS = 30_000
/** Of any body; routes that take more or less say so. */
const BODY_LIMIT = 256 * 1024

/**
 * Builds the API and its RPC server; they listen to nothing. Closing the API closes both, answers what is in hand and closes
 * every connection.
 */
export async function buildApp(
  env: Env,
  logger: Logger,
  { availability = createAvailability(), tracing }: { availability?: Availability; tracing?: Tracing } = {},
) {
  const pool = createDatabasePool(env, DATABASE_CONNECTIONS)
  const commitPool = createDatabasePool(env, COMMIT_CONNECTIONS)
  const replica = env.databaseReplicaUrl
    ? createDatabasePool({ ...env, databaseUrl: env.databaseReplicaUrl }, DATABASE_CONNECTIONS)
    : undefined
  const redis = createFailFastRedis(env)
  const warn = (what: string) => (error: unknown) => logger.warn({ err: error }, what)
  redis.on('error', warn('redis'))
  warnOfUnfitRedis(redis, logger)
  const metrics = createMetrics()
  const cipher = createCipher(env.encryptionKeys)
  const registry = await loadChannels(env, {
    pool,
    redis,
    cipher,
    onTokenError: warn('access tokens'),
    onWakeUpError: warn('open inbox streams were not woken; they look by themselves'),
  })
  const queues = createQueues(env, redis, warn('queue'))
  const nacos = openNacosSettings(env, logger)
  const changes = followNacos(watchChanges(pool, warn('changes of settings and clients are not seen just now')), nacos)
  const settings = createSettingsSource(pool, env, changes, nacos)
  const counts = createMessageCounts(metrics, { pool, settings, onError: warn('the busiest tenants cannot be read') })
  const signingSecrets = createSigningSecrets(pool, changes)
  const mayReach = createAddressRules(env.callbackAllowCidrs)
  const untraced = createAcceptor({
    pool: commitPool,
    queues,
    rules: {
      channelTypes: new Set(registry.keys()),
      hasCallbackSecret: async (tenantId) => (await signingSecrets(tenantId)).length > 0,
      callbackUrlFault: (url) => callbackUrlFault(url, mayReach),
    },
    onFlush: (messages, seconds) => {
      counts.accepted(messages)
      metrics.acceptFlush.observe(messages.length)
      metrics.acceptFlushSeconds.observe(seconds)
      admission.onAccepted(messages)
    },
    onEnqueueError: (error, messages) => {
      metrics.enqueueFailures.inc(messages)
      logger.warn({ err: error, messages }, 'jobs could not be added; the reconciler will')
    },
  })
  const acceptor = tracing ? traceAcceptor(untraced, tracing) : untraced
  const pools = { main: pool, commit: commitPool, ...(replica ? { replica } : {}) }
  exposeSharedState(metrics, { redis, queues, channelTypes: registry.keys(), pools, warn })
  const admission = buildAdmission({ pool, redis, queues, registry, settings, acceptor, metrics, warn })
  followLogLevel(logger, settings, changes)
  const configStore = createChannelConfigStore({ pool, registry, cipher })
  const templateStore = createTemplateStore({ pool, registry })
  const providers = createProviderFetch({
    timeoutMs: env.sendTimeoutMs,
    ...(tracing ? { around: traceProviderCalls(tracing) } : {}),
  })
  const feed = createInboxFeed(pool, warn('new inbox messages cannot be seen just now'))
  const streams = createOpenStreams((count) => metrics.inboxStreams.set(count))
  const stopHearing = hearOfDeliveries(env, feed.wake, warn('redis'))
  const stopping = new AbortController()
  const configs = createCandidateSource(pool, changes)
  const limiter = createRateLimiter({
    redis,
    keyPrefix: rateLimitKeyPrefix(env),
    maxCallMs: env.sendTimeoutMs,
    onSettleError: warn('rate limit'),
  })
  const operations = createMessageOperations({
    pool,
    registry,
    configs,
    changes,
    cipher,
    queues,
    counts,
    fetch: providers.fetch,
    withdraw: createTaskWithdrawal({ configs, limiter, queues, onError: warn('a cancelled task keeps its place') }),
    stopping: stopping.signal,
    onWakeError: warn('the reconciler could not be woken; it comes by itself'),
  })

  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
    // What still comes in on an open connection while the process stops is answered like everything before it.
    return503OnClosing: false,
    genReqId: requestIdOf,
    trustProxy: TRUSTED_PROXIES,
    bodyLimit: BODY_LIMIT,
  })
  app.addHook('onSend', (request, reply, _payload, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  await app.register(drainPlugin, { availability })
  await app.register(requestMetricsPlugin, { registry: metrics.registry })
  await app.register(errorsPlugin)
  await app.register(answerLimitPlugin, { limitMs: ANSWER_LIMIT_MS })
  await app.register(requestBodiesPlugin)
  await app.register(validationPlugin)
  await app.register(securityHeadersPlugin)
  const clientRoles = createClientSource(pool, changes)
  await app.register(authPlugin, { env, clientRoles })
  await app.register(rateLimitPlugin, { settings })
  await app.register(admissionPlugin, admission.options)
  if (tracing) await app.register(traceRequestsPlugin, { tracing })
  await app.register(openapiPlugin, { registry })
  const readsOfReplica = replica
    ? createReplicaReads({ primary: pool, replica, onPassedOver: warn('the replica is passed over for some seconds') })
    : undefined
  await app.register(messageRoutes, { acceptor, pool, readFreely: readsOfReplica ?? ((read) => read(pool)) })
  await app.register(messageOperationRoutes, { operations })
  await app.register(inboxRoutes, { pool })
  const tickets = createTickets(redis, `${env.queuePrefix}:inbox-ticket`)
  await app.register(inboxStreamRoutes, { pool, feed, streams, tickets })
  await app.register(channelConfigRoutes, {
    store: configStore,
    circuits: createCircuitAnswers(createCircuitStore({ redis, key: circuitKey(env) }), warn('circuits')),
    test: createConfigTester({
      pool,
      store: configStore,
      registry,
      fetch: providers.fetch,
      timeoutMs: env.sendTimeoutMs,
      stopping: stopping.signal,
    }),
    testLimitMs: env.sendTimeoutMs + ANSWER_LIMIT_MS,
  })
  await app.register(templateRoutes, { store: templateStore })
  await app.register(templatePreviewRoutes, { store: templateStore, registry })
  await app.register(systemConfigRoutes, { store: createSettingsStore({ pool, env, nacos }) })
  await app.register(callbackSecretRoutes, { store: createCallbackSecretStore({ pool, cipher }) })
  await app.register(auditLogRoutes, { pool })
  const clients = createClientStore(pool)
  await app.register(clientRoutes, { store: clients })
  await app.register(authRoutes, { store: clients, env })
  const { opsUser, opsPassword } = env
  if (opsUser && opsPassword)
    await app.register(bullBoardPlugin, { queues, registry, user: opsUser, password: opsPassword })
  const ready = async () => {
    availability.check()
    await Promise.all([pool.query('SELECT 1'), redis.ping()])
  }
  await app.register(operationRoutes, { metrics, metricsToken: env.metricsToken, ready })
  const rpc = await buildRpcServer({
    ...{ env, logger, acceptor, clientRoles, clients, settings },
    ...{ admission: admission.options, ready, availability, tracing },
  })
  app.addHook('preClose', async () => {
    stopping.abort()
    streams.close()
    await rpc.close()
  })
  app.addHook('onClose', async () => {
    stopHearing()
    counts.stop()
    feed.close()
    await acceptor.close()
    await admission.close()
    await changes.close()
    await Promise.all([
      queues.close(),
      providers.close(),
      endPool(pool),
      endPool(commitPool),
      replica && endPool(replica),
    ])
    redis.disconnect()
  })
  return { app, rpc, pool }
}
