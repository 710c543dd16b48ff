import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { ReceivedMessage } from '../sandbox/received.ts'
import type { RunningSandbox } from '../sandbox/start.ts'
import type { Arrival, Channel, Stored } from './books.ts'

/** The second book, by statements of its own: the system's are what is being checked. */
export async function readStored(pool: Pool): Promise<Stored[]> {
  const [messages] = await pool.query<RowDataPacket[]>(
    `SELECT message_id, status, total_channels, success_channels, failed_channels, finish_time FROM msg_message`,
  )
  const [tasks] = await pool.query<RowDataPacket[]>(
    'SELECT message_id, channel_type, status, result_message, retry_count, finish_time FROM msg_channel_task',
  )
  const byMessage = Map.groupBy(tasks, ({ message_id: messageId }) => String(messageId))
  return messages.map((row) => ({
    messageId: row.message_id,
    status: row.status,
    totalChannels: row.total_channels,
    successChannels: row.success_channels,
    failedChannels: row.failed_channels,
    finished: row.finish_time !== null,
    tasks: (byMessage.get(row.message_id) ?? []).map((task) => ({
      channel: task.channel_type,
      status: task.status,
      resultMessage: task.result_message,
      retryCount: task.retry_count,
      finished: task.finish_time !== null,
    })),
  }))
}

/** How many messages are under way. */
export async function countOpen(pool: Pool): Promise<number> {
  const [[row]] = await pool.query<RowDataPacket[]>(
    "SELECT COUNT(*) AS n FROM msg_message WHERE status NOT IN ('SUCCESS', 'PARTIAL_SUCCESS', 'FAILED')",
  )
  return Number(row?.n)
}

/** The inbox's part of the third book: each row is one delivery to one reader. */
export async function readInbox(pool: Pool): Promise<Arrival[]> {
  const [rows] = await pool.query<RowDataPacket[]>('SELECT message_id, create_time FROM msg_inbox')
  return rows.map((row) => ({
    messageId: row.message_id,
    channel: 'LOCAL',
    at: row.create_time.getTime(),
    worker: undefined,
    shown: true,
  }))
}

const CHANNEL_OF = { dingtalk: 'DINGTALK', wecom: 'WECHAT_WORK' } satisfies Record<string, Channel>
const POLL_MS = 1_000
/** Two may have come at the same time. */
const OVERLAP_MS = 1_000
/** As many as the sandbox keeps. */
const ALL = 20_000

/** Reads along what the providers received: the sandbox keeps only the newest. */
export function followArrivals(
  { client }: RunningSandbox,
  options: { workerAt(port: number | undefined, at: number): string | undefined; idPrefix: string },
) {
  const arrivals = new Map<string, Arrival>()
  const idPattern = new RegExp(`${options.idPrefix}-\\d+`)
  let newest = 0

  async function look(): Promise<void> {
    for (const message of await client.messages({ since: Math.max(0, newest - OVERLAP_MS), limit: ALL })) {
      newest = Math.max(newest, message.at)
      if (!arrivals.has(message.id)) arrivals.set(message.id, toArrival(message, idPattern, options.workerAt))
    }
  }

  let looking: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    looking = looking.then(look)
    // Whoever stops it is told.
    looking.catch(() => undefined)
  }, POLL_MS)
  return {
    /** @returns everything that has arrived by now */
    async stop(): Promise<Arrival[]> {
      clearInterval(timer)
      await looking
      await look()
      return [...arrivals.values()]
    },
  }
}

function toArrival(
  { at, provider, payload, delivered, clientPort }: ReceivedMessage,
  idPattern: RegExp,
  workerAt: (port: number | undefined, at: number) => string | undefined,
): Arrival {
  return {
    messageId: idPattern.exec(JSON.stringify(payload))?.[0] ?? '(none)',
    channel: CHANNEL_OF[provider],
    at,
    worker: workerAt(clientPort, at),
    ...(clientPort === undefined ? {} : { port: clientPort }),
    shown: delivered,
  }
}
