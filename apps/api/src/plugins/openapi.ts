import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { type ApiDocument, documentChannelConfigs } from './openapi-channel-configs.ts'
import { protectPages } from './security-headers.ts'

/** `/docs`: Swagger UI, `/docs/json`: OpenAPI 3.1, both made from the routes' own schemas. */
export const openapiPlugin = fp(
  async (app: FastifyInstance, { registry }: { registry: ChannelRegistry }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Message center',
          version: '0.1.0',
          description: 'Sends the messages of business systems to DingTalk, WeCom and an in-app inbox.',
        },
        components: {
          securitySchemes: {
            bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
            ticket: { type: 'apiKey', in: 'query', name: 'ticket' },
          },
        },
        security: [{ bearer: [] }],
        tags: [
          { name: 'messages', description: 'Send and look up' },
          { name: 'inbox', description: 'What the LOCAL channel delivered, for its readers' },
          { name: 'channel-configs', description: 'How a tenant or a store reaches a channel' },
          { name: 'templates', description: 'What a message says on a channel' },
          { name: 'system-configs', description: 'Dynamic settings' },
          { name: 'audit-logs', description: 'Who changed what' },
          { name: 'clients', description: 'Programs that call this API, and their tokens' },
          { name: 'operations', description: 'Health and metrics' },
        ],
      },
      hideUntagged: true,
      transformObject(document) {
        const shown = 'openapiObject' in document ? document.openapiObject : document.swaggerObject
        documentChannelConfigs(shown as ApiDocument, registry)
        return shown
      },
    })
    await app.register(async (docs) => {
      docs.addHook('onRoute', (route) => {
        route.config = { ...route.config, access: 'public' }
      })
      await protectPages(docs, { inlineStyles: true })
      await docs.register(swaggerUi, {
        routePrefix: '/docs',
        uiConfig: { persistAuthorization: true, displayRequestDuration: true },
      })
    })
  },
  { name: 'openapi' },
)
