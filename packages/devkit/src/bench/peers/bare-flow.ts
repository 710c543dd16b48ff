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
const target = `${SANDBOX_URL}/dingtalk/robot/send?access_token=bare`
const channels = ['a', 'b', 'c'].map((name) => new Queue(`bare-${name}`, shared))
const removal = { removeOnComplete: true, attempts: 4, backoff: { type: 'exponential', delay: 60_000 } }
let delivered = 0

new Worker(
  'bare-flow',
  async ({ data }) => {
    await Promise.all(channels.map((queue) => queue.add('task', data, removal)))
  },
  { ...shared, concurrency },
)
for (const { name } of channels) {
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
