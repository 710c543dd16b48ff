import type { FastifyInstance } from 'fastify'
import type { AppDeclaration, RobotDeclaration } from './accounts.ts'
import type { Provider } from './provider-call.ts'
import { resetState, type SandboxState, type Settings } from './state.ts'

const provider = { enum: ['dingtalk', 'wecom'] }
const strings = { type: 'array', items: { type: 'string', minLength: 1 } }
const rateLimit = {
  type: 'object',
  additionalProperties: false,
  required: ['count', 'windowMs', 'blockMs'],
  properties: {
    count: { type: 'integer', minimum: 0 },
    windowMs: { type: 'integer', minimum: 1 },
    blockMs: { type: 'integer', minimum: 0 },
  },
}

const robotBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    secret: { type: 'string', minLength: 1 },
    keywords: { ...strings, maxItems: 10 },
    rateLimit,
    disabled: { type: 'boolean' },
  },
}

const appBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    secret: { type: 'string', minLength: 1 },
    users: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['userId'],
        properties: { userId: { type: 'string' }, mobile: { type: 'string' }, unlicensed: { type: 'boolean' } },
      },
    },
    departments: strings,
    tags: strings,
    rateLimit,
    disabled: { type: 'boolean' },
  },
}

const settingsBody = {
  type: 'object',
  additionalProperties: false,
  properties: {
    strictTokens: { type: 'boolean' },
    tokenLifetimeSeconds: { type: 'number', minimum: 0 },
    latencyMs: { type: 'integer', minimum: 0 },
  },
}

/**
 * Who exists and how the sandbox behaves:
 * `PUT /sandbox/robots/{provider}/{token}`, `PUT /sandbox/apps/{provider}/{appKey|corpId}/{agentId}`,
 * `GET|PUT /sandbox/settings`, `DELETE /sandbox/tokens[?provider=]`, `POST /sandbox/reset`.
 */
export function mountControl(app: FastifyInstance, state: SandboxState): void {
  app.put<{ Params: { provider: Provider; token: string }; Body: RobotDeclaration }>(
    '/sandbox/robots/:provider/:token',
    { schema: { params: { type: 'object', properties: { provider } }, body: robotBody } },
    async (request) => {
      state.accounts.declareRobot(request.params.provider, request.params.token, request.body)
      return { ...request.params, ...request.body }
    },
  )

  app.put<{ Params: { provider: Provider; account: string; agentId: string }; Body: AppDeclaration }>(
    '/sandbox/apps/:provider/:account/:agentId',
    { schema: { params: { type: 'object', properties: { provider } }, body: appBody } },
    async (request) => {
      const { account, agentId } = request.params
      state.accounts.declareApp(request.params.provider, account, agentId, request.body)
      return { ...request.params, ...request.body }
    },
  )

  app.get('/sandbox/settings', async () => state.settings)
  app.put<{ Body: Partial<Settings> }>('/sandbox/settings', { schema: { body: settingsBody } }, async (request) =>
    Object.assign(state.settings, request.body),
  )

  app.delete<{ Querystring: { provider?: Provider } }>(
    '/sandbox/tokens',
    { schema: { querystring: { type: 'object', properties: { provider } } } },
    async (request) => {
      state.tokens.revoke(request.query.provider)
      return true
    },
  )

  app.post('/sandbox/reset', async () => {
    resetState(state)
    return true
  })
}
