import { randomUUID } from 'node:crypto'
import { loadChannels } from '@message-center/core/channels/load-channels.ts'
import { createChannelConfigStore } from '@message-center/core/configs/channel-config-store.ts'
import { createInvalidationPublisher } from '@message-center/core/configs/invalidation.ts'
import { createSettingsStore } from '@message-center/core/configs/settings-store.ts'
import { createTemplateStore } from '@message-center/core/configs/template-store.ts'
import { createDatabasePool } from '@message-center/core/database/pool.ts'
import { createAcceptor } from '@message-center/core/messages/accept.ts'
import { createQueues } from '@message-center/core/queues/queues.ts'
import { createFailFastRedis } from '@message-center/core/queues/redis.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { createMetrics } from '@message-center/core/telemetry/metrics.ts'
import { drizzle } from 'drizzle-orm/mysql2'
import fastify, { LogController } from 'fastify'
import { authPlugin } from './plugins/auth.ts'
import { answerClientError, answerError, errorsPlugin } from './plugins/errors.ts'
import { openapiPlugin } from './plugins/openapi.ts'
import { validationPlugin } from './plugins/validation.ts'
import { channelConfigRoutes } from './routes/channel-configs.ts'
import { messageRoutes } from './routes/messages.ts'
import { operationRoutes } from './routes/operations.ts'
import { systemConfigRoutes } from './routes/system-configs.ts'
import { templateRoutes } from './routes/templates.ts'

const DATABASE_CONNECTIONS = 10
/** Nothing takes longer to answer, whatever hangs; the pool gives up on a silent database before. */
const HANDLER_LIMIT_MS = 30_000
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,64}$/

/** Builds the API; listens to nothing. Closing it answers what is in hand and closes every connection. */
export async function buildApp(env: Env, logger: Logger) {
  const pool = createDatabasePool(env, DATABASE_CONNECTIONS)
  const replica = env.databaseReplicaUrl
    ? createDatabasePool({ ...env, databaseUrl: env.databaseReplicaUrl }, DATABASE_CONNECTIONS)
    : pool
  const redis = createFailFastRedis(env)
  const warn = (what: string) => (error: unknown) => logger.warn({ err: error }, what)
  redis.on('error', warn('redis'))
  const metrics = createMetrics()
  const registry = await loadChannels(env, pool)
  const queues = createQueues(env, redis, warn('queue'))
  const publish = createInvalidationPublisher(redis, `${env.queuePrefix}:invalidate`)
  // The change is committed whether or not Redis takes the word: who has lost Redis holds every cached value for stale.
  const onChange = (tenantId: string) => publish(tenantId).catch(warn('a change could not be announced'))
  const acceptor = createAcceptor({
    pool,
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
  const db = drizzle(pool)

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
    trustProxy: true,
  })
  app.addHook('onSend', async (request, reply) => void reply.header('x-request-id', request.id))
  app.removeContentTypeParser('text/plain')
  await app.register(errorsPlugin)
  await app.register(validationPlugin)
  await app.register(authPlugin, { env })
  await app.register(openapiPlugin)
  await app.register(messageRoutes, { acceptor, pool, replica })
  await app.register(channelConfigRoutes, {
    store: createChannelConfigStore({ db, registry, cipher: createCipher(env.encryptionKeys), onChange }),
  })
  await app.register(templateRoutes, { store: createTemplateStore({ db, registry, onChange }) })
  await app.register(systemConfigRoutes, { store: createSettingsStore({ pool, env, onChange }) })
  await app.register(operationRoutes, {
    metrics,
    metricsToken: env.metricsToken,
    ready: async () => void (await Promise.all([pool.query('SELECT 1'), redis.ping()])),
  })
  app.addHook('onClose', async () => {
    await acceptor.close()
    await Promise.all([queues.close(), pool.end(), replica === pool ? undefined : replica.end()])
    redis.disconnect()
  })
  return { app, pool }
}
