import type { NewClient } from '@message-center/core/contracts/clients.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import type { TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { examplesOf, type Operation, operationsOf, type Parameter } from './openapi-operations.ts'

/** What can only be known once it was made: the one secret that is shown once. */
const MADE: Record<string, (call: ApiCaller) => Promise<unknown>> = {
  async 'POST /api/auth/token'(call) {
    const { body } = await call<NewClient>('POST', '/api/clients', { name: 'example', roles: ['sender'] })
    return { clientId: body.clientId, clientSecret: body.clientSecret }
  },
}

/** The path with the examples of its parameters, and of what its query requires or gives an example of. */
function exampleUrl({ path, parameters }: Operation): string | undefined {
  const needed = parameters.filter(
    (parameter) =>
      parameter.in === 'path' ||
      (parameter.in === 'query' &&
        (parameter.required || parameter.example !== undefined || parameter.schema.examples)),
  )
  if (needed.some((parameter) => exampleOf(parameter) === undefined)) return undefined
  const query = new URLSearchParams()
  let filled = path
  for (const parameter of needed) {
    const value = exampleOf(parameter) ?? ''
    if (parameter.in === 'query') query.set(parameter.name, value)
    else filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(value))
  }
  return query.size > 0 ? `${filled}?${query}` : filled
}

function exampleOf({ example, schema }: Parameter): string | undefined {
  const value = example ?? schema.examples?.[0] ?? schema.default ?? schema.enum?.[0]
  return value === undefined ? undefined : String(value)
}

/** Its answer has no end. */
const STREAM = 'GET /api/inbox/stream'

async function openStream(system: TestSystem, path: string) {
  const controller = new AbortController()
  const headers = { authorization: `Bearer ${system.token({ roles: ['viewer'] })}` }
  const { status } = await fetch(new URL(path, system.apis[0]?.url), { headers, signal: controller.signal })
  controller.abort()
  return { status, body: undefined }
}

/**
 * Calls every operation that is documented with each of its examples: first what makes the objects that the others are about,
 * last what deletes them or takes them back.
 * @returns what was not answered with 2xx, or has no example
 */
export async function runExamples(system: TestSystem, call: ApiCaller): Promise<unknown[]> {
  const turn = ({ method, path }: Operation) =>
    method === 'DELETE' || path.endsWith('/recall') ? 2 : method === 'POST' && !path.includes('{') ? 0 : 1
  const operations = await operationsOf(system.apis[0]?.url ?? '')
  const ordered = operations.toSorted((a, b) => turn(a) - turn(b))
  const failures: unknown[] = []
  for (const operation of ordered) {
    const { name, method } = operation
    const url = exampleUrl(operation)
    if (url === undefined) {
      failures.push(`${name}: a parameter has no example`)
      continue
    }
    const bodies = MADE[name] ? [await MADE[name](call)] : operation.media ? examplesOf(operation.media) : [undefined]
    if (bodies.length === 0) failures.push(`${name}: no example of its body`)
    for (const body of bodies) {
      const answer = name === STREAM ? await openStream(system, url) : await call(method, url, body)
      if (answer.status < 200 || answer.status > 299)
        failures.push({ name, url, body, status: answer.status, answer: answer.body })
    }
  }
  return failures
}
