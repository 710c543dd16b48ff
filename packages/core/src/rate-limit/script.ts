import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RedisConnection } from '../queues/redis.ts'

const SOURCE = ['sliding-log.lua', 'line.lua', 'rate-limit.lua']
  .map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
  .join('')
const SHA = createHash('sha1').update(SOURCE).digest('hex')

/** An answer to one operation: integers, and names of those who wait. */
export type Row = (number | string)[]

/** What the script says of a call's operations: Redis's clock in epoch ms, and one row per operation. */
export interface ScriptReply {
  now: number
  answers: Row[]
}

/**
 * Runs the rate-limit script (rate-limit.lua describes keys, request and answers). Redis drops scripts at a restart: then
 * the source is sent once more.
 * @throws what Redis or the connection throws; an Error when the reply is not of the script's form
 */
export async function runScript(redis: RedisConnection, keys: string[], request: object): Promise<ScriptReply> {
  const args = [...keys, JSON.stringify(request)]
  try {
    return parseReply(await redis.evalsha(SHA, keys.length, ...args))
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return parseReply(await redis.eval(SOURCE, keys.length, ...args))
  }
}

function parseReply(reply: unknown): ScriptReply {
  if (Array.isArray(reply)) {
    const [now, ...answers]: unknown[] = reply
    if (typeof now === 'number' && answers.every(isRow)) return { now, answers }
  }
  throw new Error('unexpected reply of the rate-limit script')
}

function isRow(value: unknown): value is Row {
  return Array.isArray(value) && value.every((cell) => typeof cell === 'number' || typeof cell === 'string')
}
