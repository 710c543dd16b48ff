import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { CircuitAnswers } from '@message-center/core/circuits/circuit-answers.ts'
import type { ChannelConfigStore } from '@message-center/core/configs/channel-config-store.ts'
import type { Tagged } from '@message-center/core/configs/etag.ts'
import {
  ChannelConfig,
  ChannelConfigInput,
  ConfigTest,
  ConfigTestInput,
  type StoredChannelConfig,
} from '@message-center/core/contracts/channel-configs.ts'
import { IdText } from '@message-center/core/contracts/ids.ts'
import { ChannelType } from '@message-center/core/contracts/messages.ts'
import { PageOf, PageQuery } from '@message-center/core/contracts/pages.ts'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { actorOf } from './actor.ts'
import { answers } from './answers.ts'
import { IfMatch, tagAnswer, withEtag } from './entity-tags.ts'
import {
  CHANNEL_CONFIG_EXAMPLES,
  CHANNEL_CONFIG_REPLACEMENT_EXAMPLES,
  CONFIG_TEST_EXAMPLES,
  withExamples,
} from './examples.ts'
import { IdParams } from './id-params.ts'
import { putBack } from './put-back.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })
const Filters = Type.Object(
  {
    ...PageQuery,
    ...TenantQuery,
    channelType: Type.Optional(ChannelType),
    storeId: Type.Optional(IdText),
    enabled: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/** Sends the test message of a config. */
export type ConfigTester = (
  tenantId: string,
  id: string,
  input: ConfigTestInput,
  logger: FastifyRequest['log'],
) => Promise<ConfigTest>

/** How a tenant, or one store of it, reaches a channel. */
export const channelConfigRoutes: FastifyPluginAsyncTypebox<{
  store: ChannelConfigStore
  circuits: CircuitAnswers
  test: ConfigTester
  /** Longest that a test may take, milliseconds. */
  testLimitMs: number
}> = async (app, { store, circuits, test, testLimitMs }) => {
  const withCircuits = async (configs: StoredChannelConfig[]): Promise<ChannelConfig[]> => {
    const states = await circuits.of(configs.map(({ id }) => id))
    return configs.map((config, index) => ({ ...config, circuit: states[index] ?? { state: 'UNKNOWN' } }))
  }
  const withCircuit = async ({ object, etag }: Tagged<StoredChannelConfig>): Promise<Tagged<ChannelConfig>> => {
    const [circuit = { state: 'UNKNOWN' }] = await circuits.of([object.id])
    return { object: { ...object, circuit }, etag }
  }
  app.addHook('preValidation', ownTenantOnly)
  app.post('/api/channel-configs', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'Create a channel config',
      description:
        'Messages that are posted after the answer use it. `configJson` holds what the channel needs, by `channelType` and mode; its secrets are encrypted and never shown again. A store that has configs of a channel uses those alone; configs of equal priority share the load.',
      body: withExamples(ChannelConfigInput, CHANNEL_CONFIG_EXAMPLES),
      response: answers({ 201: withEtag(ChannelConfig) }, 400, 413, 415),
    },
    async handler(request, reply) {
      const call = { tenantId: actingTenant(request, request.body.tenantId), actor: actorOf(request) }
      return reply.code(201).send(tagAnswer(reply, await withCircuit(await store.create(call, request.body))))
    },
  })
  app.get('/api/channel-configs', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'Channel configs, oldest first',
      description: 'Secrets are shown as `******`. Without `storeId`: those of all stores and of the tenant itself.',
      querystring: Filters,
      response: answers({ 200: PageOf(ChannelConfig) }, 400),
    },
    async handler(request) {
      const page = await store.list(actingTenant(request, request.query.tenantId), request.query)
      return { ...page, items: await withCircuits(page.items) }
    },
  })
  app.get('/api/channel-configs/:id', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'A channel config',
      description: 'Secrets are shown as `******`. The `ETag` is for the `If-Match` of a PUT or DELETE.',
      params: IdParams,
      querystring: OneTenant,
      response: answers({ 200: withEtag(ChannelConfig) }, 400, 404),
    },
    handler: async (request, reply) =>
      tagAnswer(
        reply,
        await withCircuit(await store.get(actingTenant(request, request.query.tenantId), request.params.id)),
      ),
  })
  app.put('/api/channel-configs/:id', {
    config: { access: ['admin'] },
    preValidation: putBack(ChannelConfigInput, ChannelConfig),
    schema: {
      tags: ['channel-configs'],
      summary: 'Replace a channel config',
      description:
        'Replaces everything that can be set: a field that the body leaves out goes back to its default. A secret sent as `******` stays as it is, which is refused where the mode, or anything that may name an address, changes with it: then give it again. `channelType` cannot change. Messages that are posted after the answer use the new values.',
      params: IdParams,
      querystring: OneTenant,
      headers: IfMatch,
      body: withExamples(ChannelConfigInput, CHANNEL_CONFIG_REPLACEMENT_EXAMPLES),
      response: answers({ 200: withEtag(ChannelConfig) }, 400, 404, 412, 413, 415),
    },
    async handler(request, reply) {
      const { body, query, params, headers } = request
      const call = { tenantId: actingTenant(request, body.tenantId ?? query.tenantId), actor: actorOf(request) }
      const replaced = await store.replace({ ...call, ifMatch: headers['if-match'] }, params.id, body)
      // What was wrong may be right now: the next message tries it.
      await circuits.forget(params.id)
      return tagAnswer(reply, await withCircuit(replaced))
    },
  })
  app.delete('/api/channel-configs/:id', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'Delete a channel config',
      description: 'Tasks that wait to be sent by it fail as `CHANNEL_NOT_CONFIGURED`.',
      params: IdParams,
      querystring: OneTenant,
      headers: IfMatch,
      response: answers({ 200: Type.Literal(true) }, 400, 404, 412),
    },
    async handler(request) {
      const call = { tenantId: actingTenant(request, request.query.tenantId), actor: actorOf(request) }
      await store.remove({ ...call, ifMatch: request.headers['if-match'] }, request.params.id)
      await circuits.forget(request.params.id)
      return true as const
    },
  })
  app.post('/api/channel-configs/:id/test', {
    config: { access: ['admin'], answerLimitMs: testLimitMs },
    schema: {
      tags: ['channel-configs'],
      summary: 'Send a test message by a channel config',
      description:
        'Sends the content as it is, at once: past the queue, the rate limit and the time window, and also by a config that is not enabled. No message is stored. What the provider refuses is `success: false` with its code; the answer holds no secrets. An app and the inbox need `to`.',
      params: IdParams,
      querystring: OneTenant,
      body: withExamples(ConfigTestInput, CONFIG_TEST_EXAMPLES),
      response: answers({ 200: ConfigTest }, 400, 404, 409, 413, 415),
    },
    handler: (request) =>
      test(actingTenant(request, request.query.tenantId), request.params.id, request.body, request.log),
  })
}
