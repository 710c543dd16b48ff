import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { freePort, portOrFree } from './ports.ts'

test('gives the wanted port when it is free', async () => {
  const port = await freePort()
  expect(await portOrFree(port)).toBe(port)
})

test.each(['127.0.0.1', '0.0.0.0'])('gives another port when somebody listens on %s', async (host) => {
  const server = createServer()
  await once(server.listen(0, host), 'listening')
  const address = server.address()
  const taken = typeof address === 'object' && address !== null ? address.port : 0
  expect(await portOrFree(taken)).not.toBe(taken)
  server.close()
})
