import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { mastersOf } from './redis-masters.ts'

/** A piece of what a system keeps, as text. */
export interface StoredText {
  /** For people: `table msg_message`. */
  place: string
  text: string
}

/** Every row of every table of the connection's database, a table at a time. */
export async function* tableTexts(connection: Pick<Connection, 'query'>): AsyncGenerator<StoredText> {
  const [tables] = await connection.query<RowDataPacket[]>('SHOW TABLES')
  for (const name of tables.map((row) => Object.values(row)[0])) {
    const [rows] = await connection.query(`SELECT * FROM \`${name}\``)
    yield { place: `table ${name}`, text: JSON.stringify(rows) }
  }
}

/**
 * The keys of a Redis with their values, whatever their type.
 * @param url of a server; of a cluster, any of its nodes
 * @param isAsked which keys; all without it
 */
export async function* redisTexts(url: string, isAsked = (_key: string) => true): AsyncGenerator<StoredText> {
  for (const master of await mastersOf(url)) yield* serverTexts(master, isAsked)
}

async function* serverTexts(url: string, isAsked: (key: string) => boolean): AsyncGenerator<StoredText> {
  const redis = new Redis(url)
  try {
    for await (const keys of redis.scanStream({ count: 1000 }) as AsyncIterable<string[]>) {
      for (const key of keys.filter(isAsked)) {
        yield { place: `Redis key ${key}`, text: `${key} ${JSON.stringify(await redisValue(redis, key))}` }
      }
    }
  } finally {
    redis.disconnect()
  }
}

async function redisValue(redis: Redis, key: string): Promise<unknown> {
  const read: Record<string, () => Promise<unknown>> = {
    string: () => redis.get(key),
    hash: () => redis.hgetall(key),
    list: () => redis.lrange(key, 0, -1),
    set: () => redis.smembers(key),
    zset: () => redis.zrange(key, '0', '-1'),
    stream: () => redis.xrange(key, '-', '+'),
  }
  return read[await redis.type(key)]?.()
}

/** Every log file below a folder. */
export function* logTexts(folder: string): Generator<StoredText> {
  for (const file of globSync('**/*.log', { cwd: folder })) {
    yield { place: `log ${file}`, text: readFileSync(join(folder, file), 'utf8') }
  }
}
