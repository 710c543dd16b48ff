import type { FastifyInstance } from 'fastify'
import type { FaultRule } from './faults.ts'
import type { SandboxState } from './state.ts'

const text = { type: 'string' }
const milliseconds = { type: 'integer', minimum: 0 }

const ruleBody = {
  type: 'object',
  additionalProperties: false,
  required: ['fault'],
  properties: {
    match: {
      type: 'object',
      additionalProperties: false,
      properties: {
        provider: { enum: ['dingtalk', 'wecom'] },
        token: text,
        key: text,
        path: text,
        contentIncludes: text,
      },
    },
    times: { type: 'integer', minimum: 1 },
    probability: { type: 'number', minimum: 0, maximum: 1 },
    fault: {
      type: 'object',
      required: ['kind'],
      discriminator: { propertyName: 'kind' },
      oneOf: [
        kind('errcode', { errcode: { type: 'integer' } }, { errmsg: text }),
        kind(
          'http',
          { status: { type: 'integer', minimum: 200, maximum: 599 } },
          { body: text, headers: { type: 'object', additionalProperties: text } },
        ),
        kind('hang', {}, { ms: milliseconds }),
        kind('drop', {}),
        kind('garbage', {}, { form: { enum: ['ban-page', 'ban-json', 'broken-json'] } }),
        kind('slow', { ms: milliseconds }),
        kind('redirect', { location: text }),
        kind('huge', { bytes: { type: 'integer', minimum: 1, maximum: 1024 ** 3 } }),
      ],
    },
  },
}

/** What goes wrong: `POST /sandbox/faults` → `{id}`, `GET /sandbox/faults`, `DELETE /sandbox/faults[/{id}]`. */
export function mountFaultControl(app: FastifyInstance, state: SandboxState): void {
  app.post<{ Body: FaultRule }>('/sandbox/faults', { schema: { body: ruleBody } }, async (request, reply) => {
    reply.code(201)
    return { id: state.faults.add(request.body) }
  })

  app.get('/sandbox/faults', async () => state.faults.list())

  app.delete<{ Params: { id: string } }>('/sandbox/faults/:id', async (request, reply) => {
    if (!state.faults.remove(request.params.id)) reply.code(404)
    return reply.statusCode === 200
  })

  app.delete('/sandbox/faults', async () => {
    state.faults.clear()
    return true
  })
}

function kind(name: string, required: Record<string, object>, optional: Record<string, object> = {}): object {
  return {
    type: 'object',
    additionalProperties: false,
    required: ['kind', ...Object.keys(required)],
    properties: { kind: { const: name }, deliver: { type: 'boolean' }, ...required, ...optional },
  }
}
