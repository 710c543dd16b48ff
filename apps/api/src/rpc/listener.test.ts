import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createListener } from './listener.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
/** Of a frame's head: no length, type 4. */
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
const POST = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n'

const { server } = createListener((_, response) => response.end('answered'), undefined)
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise((resolve) => server.close(resolve)))

/** Sends the pieces one by one, each after the server has seen the one before. @returns the first bytes of the answer */
async function ask(pieces: readonly (string | Buffer)[]): Promise<Buffer> {
  const accepted = once(server, 'connection')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay(true)
  const [seen] = (await accepted) as [Socket]
  const answered = once(client, 'data')
  for (const piece of pieces) {
    const before = seen.bytesRead
    client.write(piece)
    await until('the server to see it', () => seen.bytesRead === before + piece.length)
  }
  const [answer] = await answered
  client.destroy()
  return answer as Buffer
}

test.each([
  ['whole', [PREFACE, EMPTY_SETTINGS]],
  ['byte by byte', ['P', 'R', PREFACE.slice(2), EMPTY_SETTINGS]],
])('HTTP/2 is known by its beginning, %s', async (_, pieces) => {
  expect((await ask(pieces))[3]).toBe(4)
})

test.each([
  ['whole', [POST]],
  ['begun like the other one', ['P', POST.slice(1)]],
  ['and then not', ['PR', 'OPFIND / HTTP/1.1\r\nHost: h\r\n\r\n']],
])('HTTP/1.1, %s', async (_, pieces) => {
  expect((await ask(pieces)).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /)
})
