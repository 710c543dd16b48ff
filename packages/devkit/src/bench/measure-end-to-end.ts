import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import type { RowDataPacket } from 'mysql2'
import type { AppProcess, TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import { benchMessage, redisCommands, sqlStatements } from './bench-system.ts'

export interface EndToEnd {
  messages: number
  perSecond: number
  redisCommandsPerMessage?: number
  sqlStatementsPerMessage?: number
}

const BATCH = 500

/** Posts messages in batches and waits until all are final in MySQL. */
export async function measureOurs(system: TestSystem, messages: number, redisUrl: string): Promise<EndToEnd> {
  const call = system.caller()
  const [commandsBefore, statementsBefore] = [await redisCommands(redisUrl), await sqlStatements(system)]
  const start = performance.now()
  for (let sent = 0; sent < messages; sent += BATCH) {
    const { status } = await call('POST', '/api/messages/batch', Array.from({ length: BATCH }, benchMessage))
    if (status !== 202) throw new Error(`batch was answered ${status}`)
  }
  await until('all messages to be final', async () => (await openCount(system)) === 0, 300_000)
  const seconds = (performance.now() - start) / 1000
  return {
    messages,
    perSecond: messages / seconds,
    redisCommandsPerMessage: ((await redisCommands(redisUrl)) - commandsBefore) / messages,
    sqlStatementsPerMessage: ((await sqlStatements(system)) - statementsBefore) / messages,
  }
}

/** What is not final is counted: it is few, however many messages there are. */
async function openCount({ pool }: TestSystem): Promise<number> {
  const [rows] = await pool.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM msg_message WHERE due_time IS NOT NULL')
  return Number(rows[0]?.n)
}

/** The same number of messages through the bare two-stage flow, from the first add until the last call was answered. */
export async function measureBare(peer: AppProcess, messages: number, redisUrl: string): Promise<EndToEnd> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null })
  const queue = new Queue('bare-flow', { connection, prefix: '{bench}' })
  const delivered = async () =>
    ((await (await fetch(`${peer.url}/delivered`)).json()) as { delivered: number }).delivered
  const before = await delivered()
  const start = performance.now()
  for (let sent = 0; sent < messages; sent += BATCH) {
    await queue.addBulk(
      Array.from({ length: BATCH }, () => ({
        name: 'message',
        data: benchMessage(),
        opts: { removeOnComplete: true },
      })),
    )
  }
  await until('all bare messages to be delivered', async () => (await delivered()) - before >= messages * 3, 300_000)
  const perSecond = messages / ((performance.now() - start) / 1000)
  await queue.close()
  connection.disconnect()
  return { messages, perSecond }
}
