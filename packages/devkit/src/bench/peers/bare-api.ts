import { Queue } from 'bullmq'
import fastify from 'fastify'
import { Redis } from 'ioredis'

/** What acceptance is measured against: the same body, straight onto a queue, nothing durable. PORT, REDIS_URL. */
const connection = new Redis(process.env.REDIS_URL ?? '', { maxRetriesPerRequest: null })
const queue = new Queue('bare', { connection, prefix: '{bench}' })
const app = fastify()
app.get('/health/ready', () => ({ status: 'ok' }))
app.post('/api/messages', async (request, reply) => {
  const job = await queue.add('message', request.body, { removeOnComplete: true })
  return reply.code(202).send({ success: true, messageId: job.id })
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
