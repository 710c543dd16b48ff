import { randomUUID } from 'node:crypto'
import { createProviderFetch } from '@message-center/core/channels/http.ts'
import { loadChannels } from '@message-center/core/channels/load-channels.ts'
import { createClientSource } from '@message-center/core/clients/client-source.ts'
import { createClientStore } from '@message-center/core/clients/client-store.ts'
import { createChannelConfigStore } from '@message-center/core/configs/channel-config-store.ts'
import { followLogLevel } from '@message-center/core/configs/follow-log-level.ts'
import { createSettingsSource } from '@message-center/core/configs/settings-source.ts'
import { createSettingsStore } from '@message-center/core/configs/settings-store.ts'
import { createTemplateStore } from '@message-center/core/configs/template-store.ts'
import { watchChanges } from '@message-center/core/configs/watch-changes.ts'
import { createDatabasePool } from '@message-center/core/database/pool.ts'
import { createAcceptor } from '@message-center/core/messages/accept.ts'
import { warnOfUnfitRedis } from '@message-center/core/queues/check-redis.ts'
import { createQueues } from '@message-center/core/queues/queues.ts'
import { createFailFastRedis } from '@message-center/core/queues/redis.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { createMetrics } from '@message-center/core/telemetry/metrics.ts'
import { registerQueueMetrics } from '@message-center/core/telemetry/queue-metrics.ts'
import { drizzle } from 'drizzle-orm/mysql2'
import fastify, { LogController } from 'fastify'
import { createConfigTester } from './config-tester.ts'
import { authPlugin } from './plugins/auth.ts'
import { bullBoardPlugin } from './plugins/bull-board.ts'
import { drainPlugin } from './plugins/drain.ts'
import { answerClientError, answerError, errorsPlugin } from './plugins/errors.ts'
import { openapiPlugin } from './plugins/openapi.ts'
import { rateLimitPlugin } from './plugins/rate-limit.ts'
import { securityHeadersPlugin } from './plugins/security-headers.ts'
import { validationPlugin } from './plugins/validation.ts'
import { auditLogRoutes } from './routes/audit-logs.ts'
import { authRoutes } from './routes/auth.ts'
import { channelConfigRoutes } from './routes/channel-configs.ts'
import { clientRoutes } from './routes/clients.ts'
import { messageRoutes } from './routes/messages.ts'
import { operationRoutes } from './routes/operations.ts'
import { systemConfigRoutes } from './routes/system-configs.ts'
import { templatePreviewRoutes } from './routes/template-preview.ts'
import { templateRoutes } from './routes/templates.ts'

const DATABASE_CONNECTIONS = 10
/** Group commits run one at a time, on connections that no slow query can take. */
const COMMIT_CONNECTIONS = 2
/** Nothing takes longer to answer, whatever hangs; the pool gives up on a silent database before. */
const HANDLER_LIMIT_MS = 30_000
/** Of any body; routes that take more or less say so. */
const BODY_LIMIT = 256 * 1024
/**
 * Whose `X-Forwarded-For` is believed: proxies on this host or in a private net, where a load balancer stands. Whoever comes
 * from the Internet without one is seen with his own address, whatever he writes there.
 */
const TRUSTED_PROXIES = ['loopback', 'linklocal', 'uniquelocal']
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,64}$/

/** Builds the API; listens to nothing. Closing it answers what is in hand and closes every connection. */
export async function buildApp(env: Env, logger: Logger) {
  const pool = createDatabasePool(env, DATABASE_CONNECTIONS)
  const commitPool = createDatabasePool(env, COMMIT_CONNECTIONS)
  const replica = env.databaseReplicaUrl
    ? createDatabasePool({ ...env, databaseUrl: env.databaseReplicaUrl }, DATABASE_CONNECTIONS)
    : pool
  const redis = createFailFastRedis(env)
  const warn = (what: string) => (error: unknown) => logger.warn({ err: error }, what)
  redis.on('error', warn('redis'))
  warnOfUnfitRedis(redis, logger)
  const metrics = createMetrics()
  const cipher = createCipher(env.encryptionKeys)
  const registry = await loadChannels(env, { pool, redis, cipher, onTokenError: warn('access tokens') })
  const queues = createQueues(env, redis, warn('queue'))
  const acceptor = createAcceptor({
    pool: commitPool,
    queues,
    rules: { channelTypes: new Set(registry.keys()), hasCallbackSecret: () => false },
    onFlush: (messages) => {
      metrics.messagesAccepted.inc(messages)
      metrics.acceptFlush.observe(messages)
    },
    onEnqueueError: (error, messages) => {
      metrics.enqueueFailures.inc(messages)
      logger.warn({ err: error, messages }, 'jobs could not be added; the reconciler will')
    },
  })
  registerQueueMetrics({
    registry: metrics.registry,
    redis,
    queues,
    channelTypes: registry.keys(),
    pool,
    onError: warn('a queue could not be read for the metrics'),
  })
  const db = drizzle(pool)
  const changes = watchChanges(pool, warn('changes of settings and clients are not seen just now'))
  const settings = createSettingsSource(pool, env, changes)
  followLogLevel(logger, settings, changes)
  const configStore = createChannelConfigStore({ pool, registry, cipher })
  const templateStore = createTemplateStore({ pool, registry })
  const providers = createProviderFetch({ timeoutMs: env.sendTimeoutMs })
  const stopping = new AbortController()

  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
    handlerTimeout: HANDLER_LIMIT_MS,
    // What still comes in on an open connection while the process stops is answered like everything before it.
    return503OnClosing: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    },
    trustProxy: TRUSTED_PROXIES,
    bodyLimit: BODY_LIMIT,
  })
  app.addHook('onSend', async (request, reply) => void reply.header('x-request-id', request.id))
  app.removeContentTypeParser('text/plain')
  await app.register(drainPlugin)
  await app.register(errorsPlugin)
  await app.register(validationPlugin)
  await app.register(securityHeadersPlugin)
  await app.register(authPlugin, { env, clientRoles: createClientSource(pool, changes) })
  await app.register(rateLimitPlugin, { settings })
  await app.register(openapiPlugin, { registry })
  await app.register(messageRoutes, { acceptor, pool, replica })
  await app.register(channelConfigRoutes, {
    store: configStore,
    test: createConfigTester({
      pool,
      store: configStore,
      registry,
      fetch: providers.fetch,
      timeoutMs: env.sendTimeoutMs,
      stopping: stopping.signal,
    }),
    testLimitMs: env.sendTimeoutMs + HANDLER_LIMIT_MS,
  })
  await app.register(templateRoutes, { store: templateStore })
  await app.register(templatePreviewRoutes, { store: templateStore, registry })
  await app.register(systemConfigRoutes, { store: createSettingsStore({ pool, env }) })
  await app.register(auditLogRoutes, { db })
  const clients = createClientStore(pool)
  await app.register(clientRoutes, { store: clients })
  await app.register(authRoutes, { store: clients, env })
  const { opsUser, opsPassword } = env
  if (opsUser && opsPassword)
    await app.register(bullBoardPlugin, { queues, registry, user: opsUser, password: opsPassword })
  await app.register(operationRoutes, {
    metrics,
    metricsToken: env.metricsToken,
    ready: async () => void (await Promise.all([pool.query('SELECT 1'), redis.ping()])),
  })
  app.addHook('preClose', async () => stopping.abort())
  app.addHook('onClose', async () => {
    await acceptor.close()
    await changes.close()
    await Promise.all([
      queues.close(),
      providers.close(),
      pool.end(),
      commitPool.end(),
      replica === pool ? undefined : replica.end(),
    ])
    redis.disconnect()
  })
  return { app, pool }
}
