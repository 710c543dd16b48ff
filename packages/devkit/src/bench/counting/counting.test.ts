import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import { expect, inject, test } from 'vitest'
import { type CommandReader, sentBetween, startCountingProxy, totalOf } from './counting-proxy.ts'
import { createMysqlCommandReader, NOT_STATEMENTS } from './mysql-commands.ts'
import { createRedisCommandReader } from './redis-commands.ts'

function commandsIn(createReader: CommandReader, stream: Buffer, cuts: number[]): string[] {
  const commands: string[] = []
  const read = createReader((name) => commands.push(name))
  const places = [...new Set([0, ...cuts.map((cut) => cut % stream.length), stream.length])].toSorted((a, b) => a - b)
  for (const [index, place] of places.slice(1).entries()) read(stream.subarray(places[index], place))
  return commands
}

function respOf(words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}

function packetOf(sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4)
  header.writeUIntLE(payload.length, 0, 3)
  header[3] = sequence
  return Buffer.concat([header, payload])
}

test('commands to Redis are told wherever the stream is cut, whatever their arguments hold', () => {
  const command = fc.tuple(fc.stringMatching(/^[A-Z]{1,12}$/), fc.array(fc.string(), { maxLength: 3 }))
  const property = fc.property(
    fc.array(command, { minLength: 1, maxLength: 9 }),
    fc.array(fc.nat(), { maxLength: 9 }),
    (sent, cuts) => {
      const stream = Buffer.from(sent.map(([name, args]) => respOf([name, ...args, '*1\r\n$4\r\nPING\r\n'])).join(''))
      expect(commandsIn(createRedisCommandReader, stream, cuts)).toEqual(sent.map(([name]) => name.toLowerCase()))
    },
  )
  fc.assert(property)
})

test('commands to MySQL are told wherever the stream is cut; a log-in is none', () => {
  const command = fc.constantFrom<[string, Buffer]>(
    ['insert', Buffer.from(`\x03INSERT INTO t VALUES ('${'x'.repeat(300)}')`)],
    ['commit', Buffer.from('\x03commit')],
    ['execute', Buffer.from([23, 1, 0, 0, 0, 0, 1, 0, 0, 0])],
    ['ping', Buffer.from([14])],
  )
  const property = fc.property(
    fc.array(command, { maxLength: 9 }),
    fc.array(fc.nat(), { maxLength: 9 }),
    (sent, cuts) => {
      const stream = Buffer.concat([
        packetOf(1, Buffer.from('log-in')),
        ...sent.map(([, payload]) => packetOf(0, payload)),
      ])
      expect(commandsIn(createMysqlCommandReader, stream, cuts)).toEqual(sent.map(([name]) => name))
    },
  )
  fc.assert(property)
})

test('what a script does inside Redis is not counted, what clients send is', async () => {
  const proxy = await startCountingProxy(inject('redisUrl'), createRedisCommandReader)
  const redis = new Redis(proxy.through(inject('redisUrl')))
  await redis.ping()
  const before = proxy.sent()
  const key = `counting:${randomUUID()}`
  await redis.eval("for i = 1, 9 do redis.call('SET', KEYS[1], i) end redis.call('DEL', KEYS[1])", 1, key)
  await redis.pipeline().set(key, 'x'.repeat(1_000)).del(key).exec()
  const sent = sentBetween(before, proxy.sent())
  expect(sent.commands).toEqual({ eval: 1, set: 1, del: 1 })
  expect(sent.bytes).toBeGreaterThan(1_000)
  redis.disconnect()
  proxy.stop()
})

test('statements to MySQL are counted by kind', async () => {
  const proxy = await startCountingProxy(inject('databaseUrl'), createMysqlCommandReader)
  const connection = await createConnection({ uri: proxy.through(inject('databaseUrl')).replace(/\/[^/]*$/, '/') })
  const before = proxy.sent()
  await connection.beginTransaction()
  await connection.query('SELECT ?', ['y'.repeat(1_000)])
  await connection.execute('SELECT 1')
  await connection.commit()
  const sent = sentBetween(before, proxy.sent())
  expect(sent.commands).toMatchObject({ start: 1, select: 1, prepare: 1, execute: 1, commit: 1 })
  expect(totalOf(sent, NOT_STATEMENTS)).toBe(4)
  expect(sent.bytes).toBeGreaterThan(1_000)
  connection.destroy()
  proxy.stop()
})
