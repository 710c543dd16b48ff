import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { until } from '../testing/until.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

const closings: (() => unknown)[] = []
afterEach(() => {
  for (const close of closings.splice(0)) close()
})

/** A server that sends back what it gets, behind a proxy; `ports` are those that it saw. */
async function setUp() {
  const ports: number[] = []
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    ports.push(socket.remotePort ?? 0)
    accepted.push(socket.on('error', () => undefined))
    socket.pipe(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const proxy = await startTcpProxy(() => (typeof address === 'object' ? (address?.port ?? 0) : 0))
  closings.push(() => server.close(), proxy.stop)
  return { proxy, ports, accepted }
}

function client({ port }: TcpProxy) {
  const socket = dial({ host: '127.0.0.1', port })
  const events: string[] = []
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', (error) => events.push('code' in error ? String(error.code) : error.message))
  socket.on('close', () => events.push('close'))
  closings.push(() => socket.destroy())
  return {
    socket,
    text: () => text,
    events: () => events,
    async says(said: string) {
      socket.write(said)
      await until(`'${said}' to come back`, () => text.endsWith(said))
    },
  }
}

test('in clear weather bytes and closings pass, and it is known who had which connection', async () => {
  const { proxy, ports } = await setUp()
  const one = client(proxy)
  await one.says('hello')
  expect(proxy.carriedSince(ports[0] ?? 0, Date.now())).toBeTypeOf('number')
  expect(proxy.carriedSince(1, Date.now())).toBeUndefined()
  one.socket.end()
  await until('the close', () => one.events().includes('close'))
  expect(one.events()).toEqual(['close'])
})

test('slow: everything arrives, later and in order, also where it clears up meanwhile', async () => {
  const { proxy } = await setUp()
  const one = client(proxy)
  await one.says('a')
  await proxy.setWeather({ kind: 'latency', ms: 150 })
  const before = performance.now()
  one.socket.write('b')
  await until('b to be under way', () => performance.now() > before + 50)
  await proxy.setWeather({ kind: 'clear' })
  one.socket.write('c')
  await until('both', () => one.text().length === 3)
  expect(one.text()).toBe('abc')
  expect(performance.now() - before).toBeGreaterThanOrEqual(149)
})

test('half open: nothing passes and nobody is told; what stood then is reset in the end, and new connections work', async () => {
  const { proxy, accepted } = await setUp()
  const [standing, leaving] = [client(proxy), client(proxy)]
  await standing.says('a')
  await leaving.says('a')
  await proxy.setWeather({ kind: 'half-open' })
  standing.socket.write('lost')
  leaving.socket.destroy()
  const silent = client(proxy)
  await once(silent.socket, 'connect')
  silent.socket.write('lost')
  await until('the close at this side', () => leaving.events().includes('close'))
  expect([standing.text(), standing.events(), silent.text(), silent.events()]).toEqual(['a', [], '', []])
  expect(accepted.map(({ destroyed, readableEnded }) => destroyed || readableEnded)).not.toContain(true)
  await proxy.setWeather({ kind: 'clear' })
  await until('the resets', () => standing.events().length === 2 && silent.events().length === 2)
  expect(standing.events()).toEqual(['ECONNRESET', 'close'])
  await client(proxy).says('again')
})

test('refusing: what stood is reset, nobody is let in, until it clears up', async () => {
  const { proxy } = await setUp()
  const one = client(proxy)
  await one.says('a')
  await proxy.setWeather({ kind: 'refuse' })
  await until('the reset', () => one.events().includes('ECONNRESET'))
  const refused = client(proxy)
  await until('the refusal', () => refused.events().includes('close'))
  expect(refused.events()).toEqual(['ECONNREFUSED', 'close'])
  await proxy.setWeather({ kind: 'clear' })
  await client(proxy).says('again')
})

test('reset: connections end, new ones are taken', async () => {
  const { proxy } = await setUp()
  const one = client(proxy)
  await one.says('a')
  expect(proxy.reset()).toBe(1)
  await until('the reset', () => one.events().includes('ECONNRESET'))
  await client(proxy).says('again')
})

test('an answer that is late is told of, by the port that the server saw; one that is in time is not', async () => {
  const { proxy, ports } = await setUp()
  const one = client(proxy)
  await one.says('in time')
  expect(proxy.lateAnswers()).toEqual([])
  await proxy.setWeather({ kind: 'latency', ms: 600 })
  await one.says('late')
  expect(proxy.lateAnswers()).toMatchObject([{ port: ports[0] }])
  // Both ways count; a timer of either may be early by what clocks are rounded to.
  expect(proxy.lateAnswers()[0]?.ms).toBeGreaterThan(1_100)
  await proxy.setWeather({ kind: 'clear' })
})
