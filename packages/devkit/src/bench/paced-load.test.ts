import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { offerPaced } from './paced-load.ts'

let answer: (number: number) => number
const bodies: string[] = []
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  bodies.push(Buffer.concat(chunks).toString())
  response.writeHead(answer(bodies.length)).end('{}')
})
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise((resolve) => server.close(resolve)))

const offer = (perSecond: number, seconds: number) => {
  bodies.length = 0
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/api/messages`
  return offerPaced({ url, token: 't', body: '{"messageId":"[<id>]"}', connections: 2 }, { perSecond, seconds })
}

test('as many as were ordered, each with an id of its own; what is refused is told apart', async () => {
  answer = (number) => (number % 4 === 0 ? 429 : 202)
  const { answered, errors } = await offer(400, 0.2)
  expect({ answered, errors }).toEqual({ answered: 60, errors: 20 })
  expect(new Set(bodies).size).toBe(80)
})

test('it takes as long as it was ordered to: nothing is offered before it is due', async () => {
  answer = () => 202
  const startedAt = performance.now()
  await offer(50, 0.3)
  // A timer may be early by what clocks are rounded to.
  expect(performance.now() - startedAt).toBeGreaterThan(299)
})

test('nobody who answers is an error, and no end of the load', async () => {
  const url = 'http://127.0.0.1:1/api/messages'
  const { answered, errors } = await offerPaced(
    { url, token: 't', body: '{}', connections: 2 },
    { perSecond: 100, seconds: 0.1 },
  )
  expect({ answered, errors }).toEqual({ answered: 0, errors: 10 })
})
