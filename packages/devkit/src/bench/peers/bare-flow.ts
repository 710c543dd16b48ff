import { Queue, Worker } from 'bullmq'
import fastify from 'fastify'
import { Redis } from 'ioredis'
import { Agent, fetch } from 'undici'

/**
 * What end-to-end throughput is measured against: one job becomes three, each makes the same HTTP call as ours, no database.
 * PORT, REDIS_URL, SANDBOX_URL, CONCURRENCY.
 */
const { REDIS_URL = '', SANDBOX_URL = '' } = process.env
const concurrency = Number(process.env.CONCURRENCY ?? 64)
const connect = () => new Redis(REDIS_URL, { maxRetriesPerRequest: null })
const agent = new Agent({ connections: null })
const shared = { connection: connect(), prefix: '{bench}' }
/** Where ours go: two of the channels call DingTalk's robot, one WeCom's. */
const targets = new Map([
  ['bare-a', `${SANDBOX_URL}/dingtalk/robot/send?access_token=bare-a`],
  ['bare-b', `${SANDBOX_URL}/wecom/cgi-bin/webhook/send?key=bare-b`],
  ['bare-c', `${SANDBOX_URL}/dingtalk/robot/send?access_token=bare-c`],
])
const channels = [...targets.keys()].map((name) => new Queue(name, shared))
const removal = { removeOnComplete: true, attempts: 4, backoff: { type: 'exponential', delay: 60_000 } }
let delivered = 0

new Worker(
  'bare-flow',
  async ({ data }) => {
    await Promise.all(channels.map((queue) => queue.add('task', data, removal)))
  },
  { ...shared, concurrency },
)
for (const [name, target] of targets) {
  new Worker(
    name,
    async ({ data }) => {
      const body = JSON.stringify({
        msgtype: 'text',
        text: { content: `${data.businessType} ${data.businessData.orderNo}` },
      })
      const response = await fetch(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        dispatcher: agent,
      })
      await response.json()
      delivered++
    },
    { ...shared, concurrency },
  )
}
const app = fastify()
app.get('/health/ready', () => ({ status: 'ok' }))
app.get('/delivered', () => ({ delivered }))
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
