import { Agent, request } from 'node:http'
import { ERROR_STATUS, ErrorBody, type ErrorCode } from '@message-center/core/contracts/errors.ts'
import { compileValidator } from '@message-center/core/contracts/validator.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type HostileRequest, hostileRequests, seededRandom } from './hostile-requests.ts'
import { type Operation, operationsOf } from './openapi-operations.ts'
import { type RunningApi, startApiHere } from './running-api.ts'

const SEED = 20_261_124
const REQUESTS = 8_000
const AT_ONCE = 24
/** Nothing that is let through is to reach a real provider. */
const NOWHERE = 'http://127.0.0.1:1'

let api: RunningApi
let agent: Agent
beforeAll(async () => {
  api = await startApiHere(
    { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') },
    {
      DINGTALK_BASE_URL: NOWHERE,
      DINGTALK_API_BASE_URL: NOWHERE,
      WECHAT_WORK_BASE_URL: NOWHERE,
      SEND_TIMEOUT_MS: '200',
    },
  )
  agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
})
afterAll(async () => {
  agent.destroy()
  await api.stop()
})

interface Answer {
  status: number
  type: string
  text: string
}

/** Sends the request as it is: fetch would tidy up its path and headers. An event stream is left after its first line. */
function send({ method, path, headers, body }: HostileRequest, token: string): Promise<Answer> {
  const { hostname, port } = new URL(api.url)
  return new Promise((resolve, reject) => {
    const framing = body ? { 'content-length': body.length } : {}
    const call = request(
      { agent, hostname, port, method, path, headers: { authorization: `Bearer ${token}`, ...framing, ...headers } },
      (response) => {
        const { statusCode: status = 0, headers: answered } = response
        const type = answered['content-type'] ?? ''
        let text = ''
        const done = () => resolve({ status, type, text })
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', done).on('error', reject)
        if (type.startsWith('text/event-stream')) {
          response.destroy()
          done()
        }
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}

const checkErrorBody = compileValidator(ErrorBody)

/** What is wrong with an answer; undefined where nothing is. */
function faultOf({ method }: HostileRequest, { status, type, text }: Answer): string | undefined {
  if (status >= 500 || status < 200) return `status ${status}`
  if (status < 400 || method === 'HEAD') return undefined
  if (!type.startsWith('application/json')) return `content-type ${type}`
  const body = JSON.parse(text)
  const [fault] = checkErrorBody(body)
  if (fault) return `${fault.path} ${fault.message}`
  return ERROR_STATUS[body.errorCode as ErrorCode] === status ? undefined : `${status} with ${body.errorCode}`
}

/** Beyond the few that could take effect everywhere: a limit of one call a minute would end the test. */
const isHarmless = ({ path }: HostileRequest) => !path.includes('apiRequestsPerMinute') && !path.includes('logLevel')

const describeRequest = ({ method, path, headers, body }: HostileRequest) =>
  `${method} ${path.slice(0, 120)} ${JSON.stringify(headers).slice(0, 120)} ${JSON.stringify(body?.toString('latin1').slice(0, 300) ?? '')}`

test(`${REQUESTS} hostile requests over every operation: no 5xx, every refusal in the contract's shape, the process lives`, async () => {
  const operations = await operationsOf(api.url)
  const make = hostileRequests(seededRandom(SEED))
  const tokens = [
    api.environment.token({ roles: ['platform'] }),
    api.environment.token({ roles: ['admin'] }),
    api.environment.token({ roles: ['admin', 'sender'], tenantId: '9223372036854775807', sub: '\u0000😀' }),
  ]
  const planned = Array.from({ length: REQUESTS }, (_, index) => {
    const operation = operations[index % operations.length] as Operation
    return { operation, hostile: make(operation), token: tokens[index % 5] ?? tokens[0] ?? '' }
  }).filter(({ hostile }) => isHarmless(hostile))
  expect(planned.length).toBeGreaterThan(5_000)

  const faults: string[] = []
  const statuses = new Map<string, Set<number>>(operations.map(({ name }) => [name, new Set()]))
  const work = async () => {
    for (let next = planned.pop(); next; next = planned.pop()) {
      const { hostile, operation, token } = next
      const answer = await send(hostile, token).catch((error: Error) => error)
      const fault = answer instanceof Error ? answer.message : faultOf(hostile, answer)
      if (fault) faults.push(`${fault} to ${describeRequest(hostile)}`)
      if (!(answer instanceof Error)) statuses.get(operation.name)?.add(answer.status)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  expect(faults.slice(0, 10)).toEqual([])
  // The requests got past the first check: each operation has also answered something other than 'not like this'.
  const shallow = [...statuses].filter(([, seen]) =>
    [...seen].every((status) => [400, 401, 403, 413, 415, 429].includes(status)),
  )
  expect(shallow.map(([name]) => name)).toEqual([])
  expect((await fetch(`${api.url}/health/ready`)).status).toBe(200)
}, 180_000)
