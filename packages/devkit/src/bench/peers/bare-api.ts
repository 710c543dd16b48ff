import { Queue } from 'bullmq'
import fastify from 'fastify'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'

/**
 * What acceptance is measured against: the same body, straight onto a queue, nothing durable. With DATABASE_URL it inserts a
 * row before that, one by one, as who needs durability would do first. PORT, REDIS_URL.
 */
const connection = new Redis(process.env.REDIS_URL ?? '', { maxRetriesPerRequest: null })
const queue = new Queue('bare', { connection, prefix: '{bench}' })
const insert = process.env.DATABASE_URL ? await createInsert(process.env.DATABASE_URL) : async () => {}
const app = fastify()
app.get('/health/ready', () => ({ status: 'ok' }))
app.post('/api/messages', async (request, reply) => {
  await insert(request.body)
  const job = await queue.add('message', request.body, { removeOnComplete: true })
  return reply.code(202).send({ success: true, messageId: job.id })
})
// What has been added is of no use to anybody.
app.delete('/jobs', () => queue.obliterate({ force: true }))
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })

async function createInsert(uri: string) {
  // As many connections as the API has.
  const pool = createPool({ uri, connectionLimit: 10 })
  await pool.query(
    `CREATE TABLE IF NOT EXISTS bench_message (
      id BIGINT AUTO_INCREMENT PRIMARY KEY, message_id VARCHAR(64) NOT NULL UNIQUE, body JSON NOT NULL)`,
  )
  return async (body: unknown) => {
    const { messageId } = body as { messageId: string }
    await pool.execute('INSERT INTO bench_message (message_id, body) VALUES (?, ?)', [messageId, JSON.stringify(body)])
  }
}
