import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ownerRecord } from '../../bin/lock-file.mjs'
import { startRedis } from './redis.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'redis-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))

/** Sends commands and gives back the raw answers, in the protocol's own inline form. */
async function ask(port: number, ...commands: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.write(`${[...commands, 'QUIT'].join('\r\n')}\r\n`)
  await once(socket, 'close')
  return answer
}

test('keeps what it was told through kill -9 and restart, on the same port', async () => {
  const redis = await startRedis({ dir })
  try {
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}/0`)
    // appendfsync everysec writes within the same event loop turn; only a power cut could lose it.
    expect(await ask(redis.port, 'SET key kept')).toContain('+OK')
    const killed = redis.pid
    process.kill(killed, 'SIGKILL')
    expect(await redis.exited).toEqual({ code: null, signal: 'SIGKILL' })
    await redis.restart()
    expect(redis.pid).not.toBe(killed)
    expect(await ask(redis.port, 'GET key')).toContain('kept')
  } finally {
    await redis.stop()
  }
  expect(ownerRecord(redis.pid).identity).toBeUndefined()
})

test('runs with an append-only file, without snapshots, without eviction and with jobs in one piece', async () => {
  const redis = await startRedis({ dir })
  try {
    for (const [name, value] of [
      ['appendonly', 'yes'],
      ['appendfsync', 'everysec'],
      ['maxmemory-policy', 'noeviction'],
      ['hash-max-ziplist-value', '1024'],
      ['bind', '127.0.0.1'],
      ['save', ''],
    ] as const) {
      expect(await ask(redis.port, `CONFIG GET ${name}`)).toContain(`${name}\r\n$${value.length}\r\n${value}\r\n`)
    }
  } finally {
    await redis.stop()
  }
})

test('says with the server’s own words why it did not come up', async () => {
  const other = createServer()
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await expect(startRedis({ dir, port })).rejects.toThrow(/ended before it was ready[\s\S]*Address already in use/)
  other.close()
})

test('a run that follows a killed one waits until the former server is gone', async () => {
  const former = await startRedis({ dir })
  const ends: string[] = []
  former.exited.then(() => ends.push('former'))
  const next = startRedis({ dir })
  next.then(() => ends.push('next'))
  // By the time a start that nothing holds up has come through, the other one has not.
  const unhindered = await startRedis({ dir: join(dir, 'other') })
  expect(ends).toEqual([])
  await former.stop()
  await (await next).stop()
  await unhindered.stop()
  expect(ends).toEqual(['former', 'next'])
})

test('an owner record of a process that is gone stops nobody', async () => {
  writeFileSync(join(dir, 'owner.json'), JSON.stringify({ pid: process.pid, identity: 'an earlier life' }))
  const redis = await startRedis({ dir })
  await redis.stop()
})
