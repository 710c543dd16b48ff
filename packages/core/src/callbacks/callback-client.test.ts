import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createAddressRules } from './address-rules.ts'
import { type CallbackAnswer, createCallbackClient } from './callback-client.ts'
import { createHostResolver, type ResolveHost } from './resolve-host.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const REFUSED = { fault: 'the host leads to an address that callbacks may not reach' }

async function serve(answer: http.RequestListener) {
  const server = http.createServer(answer)
  let requests = 0
  server.on('request', () => {
    requests += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { port: (server.address() as AddressInfo).port, requests: () => requests }
}

interface Options {
  allowed?: string[]
  resolve?: ResolveHost
  timeoutMs?: number
  signal?: AbortSignal
}

function clientOf({ allowed = ['127.0.0.1'], resolve, timeoutMs = 10_000, signal }: Options = {}) {
  const client = createCallbackClient({
    timeoutMs,
    mayReach: createAddressRules(allowed),
    ...(resolve ? { resolve } : {}),
  })
  cleanups.push(() => client.close())
  return (url: string): Promise<CallbackAnswer> =>
    client.post({ url, headers: {}, body: '{}', signal: signal ?? new AbortController().signal })
}

describe('where it connects to', () => {
  test('a name that leads inside is refused, whatever else it leads to, and nothing is sent', async () => {
    const { port, requests } = await serve((_, response) => response.end())
    for (const addresses of [['127.0.0.1'], ['10.0.0.1', '::1'], ['169.254.169.254'], ['::ffff:127.0.0.1'], []]) {
      const post = clientOf({ allowed: [], resolve: async () => addresses })
      expect([addresses, await post(`http://hooks.example.com:${port}/`)]).toEqual([addresses, REFUSED])
    }
    expect(requests()).toBe(0)
  })

  test('of the addresses of a name only those are used that may be reached', async () => {
    const { port } = await serve((_, response) => response.end())
    const post = clientOf({ resolve: async () => ['127.0.0.2', '10.0.0.1', '127.0.0.1'] })
    expect(await post(`http://hooks.example.com:${port}/`)).toMatchObject({ status: 200 })
  })

  test('a name that leads elsewhere at the next look-up (DNS rebinding) is checked again', async () => {
    const { port, requests } = await serve((_, response) => response.setHeader('connection', 'close').end())
    const answers = [['127.0.0.1'], ['127.0.0.2']]
    const post = clientOf({ resolve: async () => answers.shift() ?? [] })
    expect(await post(`http://hooks.example.com:${port}/`)).toMatchObject({ status: 200 })
    expect(await post(`http://hooks.example.com:${port}/`)).toEqual(REFUSED)
    expect(requests()).toBe(1)
  })

  test('literal addresses, which need no look-up, and names of the machine itself', async () => {
    const { port, requests } = await serve((_, response) => response.end())
    const post = clientOf({ allowed: [] })
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', '[::1]', 'localhost', '0.0.0.0']) {
      for (const protocol of ['http', 'https'])
        expect([host, await post(`${protocol}://${host}:${port}/`)]).toEqual([host, REFUSED])
    }
    expect(requests()).toBe(0)
  })

  test('a redirect is not followed', async () => {
    const inner = await serve((_, response) => response.end())
    const outer = await serve((_, response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${inner.port}/` }).end(),
    )
    expect(await clientOf()(`http://127.0.0.1:${outer.port}/`)).toMatchObject({ status: 307 })
    expect(inner.requests()).toBe(0)
  })
})

describe('what it makes of an answer', () => {
  test('the status counts, as soon as it is there: a body without end is cut off', async () => {
    const { port } = await serve((request, response) => {
      const flood = () => {
        while (response.write('x'.repeat(10_000)));
        response.once('drain', flood)
      }
      response.writeHead(request.url === '/flood' ? 200 : 201)
      if (request.url === '/flood') flood()
      else response.write('drip')
    })
    const post = clientOf()
    expect(await post(`http://127.0.0.1:${port}/flood`)).toMatchObject({ status: 200 })
    expect(await post(`http://127.0.0.1:${port}/drip`)).toMatchObject({ status: 201 })
  })

  test('Retry-After, in seconds or as a date', async () => {
    const { port } = await serve((request, response) => {
      const date = new Date(Date.now() + 3_600_000).toUTCString()
      response.writeHead(503, { 'retry-after': request.url === '/date' ? date : '120' }).end()
    })
    const post = clientOf()
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual({ status: 503, retryAfterMs: 120_000 })
    const { retryAfterMs } = (await post(`http://127.0.0.1:${port}/date`)) as { retryAfterMs: number }
    expect(Math.round(retryAfterMs / 60_000)).toBe(60)
  })

  test('no answer: refused, cut off, in vain, stopped; the texts hold nothing of the URL', async () => {
    const silent = await serve(() => undefined)
    const broken = await serve((request) => request.socket.destroy())
    const secret = '/hook-secret?token=secret'
    const gone = await serve((_, response) => response.end())
    await cleanups.pop()?.()
    const stop = new AbortController()
    const stopped = clientOf({ signal: stop.signal })(`http://127.0.0.1:${silent.port}${secret}`)
    setTimeout(() => stop.abort(), 50)
    const answers = [
      await clientOf()(`http://127.0.0.1:${gone.port}${secret}`),
      await clientOf()(`http://127.0.0.1:${broken.port}${secret}`),
      await clientOf({ timeoutMs: 200 })(`http://127.0.0.1:${silent.port}${secret}`),
      await clientOf()(`https://127.0.0.1:${silent.port}${secret}`),
      await clientOf()(`http://no-such-host.invalid${secret}`),
      await stopped,
    ]
    expect(answers).toEqual([
      { fault: 'no answer: ECONNREFUSED' },
      { fault: 'no answer: UND_ERR_SOCKET' },
      { fault: 'no answer within 200 ms' },
      { fault: expect.stringMatching(/^no answer: ERR_SSL|EPROTO/) },
      { fault: expect.stringMatching(/^no answer: (ENOTFOUND|EAI_AGAIN)$/) },
      { fault: 'no answer before this service stopped' },
    ])
    expect(JSON.stringify(answers)).not.toMatch(/secret|127\.0\.0\.1/)
  })
})

describe('how names are looked up', () => {
  test('a name of the hosts file is found', async () => {
    expect(await createHostResolver()('localhost')).toContain('127.0.0.1')
  })

  test('name servers that say nothing are given up, and the threads of the process are not kept waiting for them', async () => {
    const server = createSocket('udp4')
    let questions = 0
    server.on('message', () => {
      questions += 1
    })
    server.bind(0, '127.0.0.1')
    await once(server, 'listening')
    cleanups.push(() => server.close())
    const resolve = createHostResolver([`127.0.0.1:${server.address().port}`])
    // The system's own look-up would end with another code.
    await expect(resolve('hooks.example')).rejects.toMatchObject({ code: 'ETIMEOUT' })
    expect(questions).toBeGreaterThan(1)
  })
})
