import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NewClient } from '@message-center/core/contracts/clients.ts'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { FaultRule } from '@message-center/devkit/sandbox/faults.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { loseRedis } from '@message-center/devkit/testing/lose-redis.ts'
import type { TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'

/** A tenant with one robot, and what the scenes do with it. */
interface Scene {
  call: ApiCaller
  robot: string
  send(messageId: string, fields?: object): Promise<string>
  final(messageId: string): Promise<MessageDetail>
  task(messageId: string): Promise<MessageDetail['tasks'][number] | undefined>
  fault(fault: FaultRule['fault'], match?: FaultRule['match']): Promise<string>
}

let tenants = 9_000

async function scene(
  system: TestSystem,
  config: Record<string, unknown> = {},
  channelType = 'WECHAT_WORK',
): Promise<Scene> {
  const tenantId = String(tenants++)
  const robot = `robot-${tenantId}`
  const call = system.caller({ tenantId, roles: ['admin', 'sender', 'viewer', 'operator'] })
  const configJson = channelType === 'LOCAL' ? {} : { mode: 'robot', key: robot }
  await createConfig(call, channelType, { configJson, retry: { max: 2, initialDelayMs: 100 }, ...config })
  await createTemplate(call, 'ORDER', channelType)
  return {
    call,
    robot,
    async send(messageId, fields = {}) {
      const businessData = { orderNo: `${tenantId}-${messageId}`, userId: 'u1' }
      const { status, body } = await call('POST', '/api/messages', {
        messageId,
        businessType: 'ORDER',
        businessData,
        ...fields,
      })
      if (status !== 202) throw new Error(`${status}: ${JSON.stringify(body)}`)
      return messageId
    },
    final: (messageId) => finalMessage(call, messageId),
    task: async (messageId) => (await call<MessageDetail>('GET', `/api/messages/${messageId}`)).body.tasks[0],
    fault: (fault, match = { token: robot }) => system.sandbox.client.addFault({ match, fault, times: 1 }),
  }
}

const inState = ({ task }: Scene, messageId: string, status: string) =>
  until(`${messageId} to be ${status}`, async () => (await task(messageId))?.status === status)

/** Every way that a task can take, each in a tenant of its own, side by side; then, with some still waiting, Redis is lost. */
export async function useEveryTask(system: TestSystem, variables: Record<string, string>): Promise<void> {
  const receiver = http.createServer((request, response) => {
    request.resume()
    response.writeHead(request.url === '/refuses' ? 503 : 204).end()
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const scenes = [failAndRetry, cancelled, merged, limited, postponed, repeated, counted, parts, told, inbox]
  await Promise.all(scenes.map((play) => play(system, origin)))
  await queued(system, variables)
  await loseRedis(variables)
  await limited(system)
  receiver.close()
}

async function failAndRetry(system: TestSystem): Promise<void> {
  const here = await scene(system)
  await here.fault({ kind: 'errcode', errcode: -1 })
  await here.final(await here.send('again'))
  await here.fault({ kind: 'errcode', errcode: 40008 })
  await here.final(await here.send('refused'))
  await here.call('POST', '/api/messages/refused/retry')
  await here.final('refused')
  await here.final(await here.send('no-template', { businessType: 'LATER' }))
  await createTemplate(here.call, 'LATER', 'WECHAT_WORK')
  await here.call('POST', '/api/messages/no-template/retry')
  await here.final('no-template')
}

async function cancelled(system: TestSystem): Promise<void> {
  const here = await scene(system)
  await here.send('later', { attributes: { sendAt: new Date(Date.now() + 3_600_000).toISOString() } })
  await here.call('POST', '/api/messages/later/cancel')
  await here.fault({ kind: 'slow', ms: 1_500 })
  await here.send('under-way')
  await inState(here, 'under-way', 'SENDING')
  await here.call('POST', '/api/messages/under-way/cancel')
}

async function merged(system: TestSystem): Promise<void> {
  const here = await scene(system, { rateLimitCount: 1, rateLimitWindow: 2, overflowPolicy: 'MERGE' })
  for (const messageId of ['one', 'two', 'three', 'four']) await here.send(messageId)
  await here.final('four')
}

/** One is sent, the next waits for an hour. */
async function limited(system: TestSystem): Promise<void> {
  const limit = { rateLimitCount: 1, rateLimitWindow: 1, rateLimitUnit: 'HOUR', overflowPolicy: 'DEFER' }
  const here = await scene(system, limit)
  await here.final(await here.send('first'))
  await here.send('second')
  await here.send('third')
  for (const messageId of ['second', 'third'])
    await until(`the ${messageId} to wait`, async () => (await here.task(messageId))?.nextRetryTime)
  await here.call('GET', '/api/messages')
  await here.call('POST', '/api/messages/third/cancel')
  await here.send('at-its-time', { attributes: { sendAt: new Date(Date.now() + 3_600_000).toISOString() } })
}

/** The retry finds the hour's slot taken. */
async function postponed(system: TestSystem): Promise<void> {
  const limit = { rateLimitCount: 1, rateLimitWindow: 1, rateLimitUnit: 'HOUR', overflowPolicy: 'DEFER' }
  const here = await scene(system, limit)
  await here.fault({ kind: 'errcode', errcode: -1 })
  await here.send('again')
  const soon = Date.now() + 60_000
  await until('it to wait', async () => Date.parse((await here.task('again'))?.nextRetryTime ?? '') > soon)
}

/** Metrics are read while a job waits in a channel's queue, for the only worker takes nothing but the pipeline's. */
async function queued(system: TestSystem, variables: Record<string, string>): Promise<void> {
  const here = await scene(system)
  for (const worker of system.workers) await worker.stop()
  const pipeline = await system.startWorker({ ...variables, WORKER_QUEUES: 'pipeline' })
  await here.send('queued')
  await until('the queue to be told of', async () => {
    const text = await (await fetch(`${system.apis[0]?.url}/metrics`)).text()
    return /queue_jobs\{queue="channel.WECHAT_WORK",state="waiting"\} [1-9]/.test(text)
  })
  await pipeline.stop()
  const worker = await system.startWorker(variables)
  await here.final('queued')
  await fetch(`${worker.url}/metrics`).then((answer) => answer.text())
}

/** A client's token, and a message that is posted twice. */
async function repeated(system: TestSystem): Promise<void> {
  const here = await scene(system)
  const { body: client } = await here.call<NewClient>('POST', '/api/clients', {
    name: 'age',
    roles: ['sender', 'viewer'],
  })
  const { body } = await here.call<{ token: string }>('POST', '/api/auth/token', {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
  })
  const call = createApiCaller(system.apis[0]?.url ?? '', body.token)
  const message = { messageId: 'twice', businessType: 'ORDER', businessData: { orderNo: '1' } }
  for (const _ of ['first', 'again']) await call('POST', '/api/messages', message)
}

async function counted(system: TestSystem): Promise<void> {
  const here = await scene(system, { monthlyQuota: 5 })
  await here.final(await here.send('within'))
  await here.call('GET', '/api/channel-configs')
}

/** An app's message in several calls, of which the second fails first; then what it led to is asked, and it is taken back. */
async function parts(system: TestSystem): Promise<void> {
  const appKey = `app-${tenants}`
  const configJson = { mode: 'app', appKey, appSecret: 'app-secret-of-age', agentId: '1' }
  const here = await scene(system, { configJson }, 'DINGTALK')
  // All the others are told, later, as not reached.
  const users = [{ userId: 'u1' }]
  await system.sandbox.client.declareApp('dingtalk', appKey, 1, { secret: configJson.appSecret, users })
  await here.fault({ kind: 'errcode', errcode: -1 }, { token: appKey, contentIncludes: '"u100,' })
  const userIds = Array.from({ length: 250 }, (_, index) => `u${index}`)
  await here.final(await here.send('in-parts', { attributes: { to: { userIds } } }))
  await until('its results', async () => ((await here.task('in-parts'))?.resultMessage ?? '').includes('not reached'))
  await here.fault({ kind: 'errcode', errcode: -1 }, { token: appKey, path: 'recall' })
  for (const _ of ['refused', 'done']) await here.call('POST', '/api/messages/in-parts/recall')
  await here.call('GET', '/api/messages/in-parts/trace')
}

async function told(system: TestSystem, origin = ''): Promise<void> {
  const here = await scene(system)
  await here.call('POST', '/api/callback-secret')
  for (const path of ['takes', 'refuses']) {
    await here.send(path, { attributes: { callbackUrl: `${origin}/${path}` } })
    await until(`${path} to be told`, async () => {
      const { body } = await here.call<MessageDetail>('GET', `/api/messages/${path}`)
      return (body.callback?.attempts ?? 0) > 0
    })
  }
}

async function inbox(system: TestSystem): Promise<void> {
  const here = await scene(system, {}, 'LOCAL')
  const streaming = new AbortController()
  const open = async (lastEventId: string) => {
    const url = new URL('/api/inbox/stream?userId=u1', system.apis[0]?.url)
    const token = system.token({ tenantId: here.robot.slice('robot-'.length), roles: ['viewer'] })
    const headers = { authorization: `Bearer ${token}`, 'last-event-id': lastEventId }
    return (await fetch(url, { headers, signal: streaming.signal })).body?.getReader()
  }
  const stream = await open('0')
  const to = (recipients: object) => ({ attributes: { to: recipients } })
  await here.final(await here.send('to-one', to({ userIds: ['u1'] })))
  await here.final(await here.send('to-all', to({ all: true })))
  await stream?.read()
  await (await open('1'))?.read()
  const { body } = await here.call<{ items: { id: string }[] }>('GET', '/api/inbox?userId=u1')
  for (const { id } of body.items) await here.call('PUT', `/api/inbox/${id}/read?userId=u1`)
  await here.final(await here.send('to-recall', to({ userIds: ['u1'] })))
  await here.final(await here.send('to-all-too', to({ all: true })))
  await here.call('PUT', '/api/inbox/read-all', { userId: 'u1' })
  await here.call('PUT', '/api/inbox/read-all?userId=u1')
  await here.call('POST', '/api/messages/to-recall/recall')
  streaming.abort()
}
