import { expect, test } from 'vitest'
import { startFrontServer } from './front-server.ts'

/** So many that the system gives some port twice, out of the seven thousand that it chooses from. */
const STARTS = 500

test('no two have the same address, though the system gives ports again', async () => {
  const urls: string[] = []
  for (let start = 0; start < STARTS; start++) {
    const server = await startFrontServer({ answer: () => ({ body: '{}' }), refusals: [] })
    urls.push(server.url)
    await server.close()
  }
  expect(new Set(urls).size).toBe(STARTS)
})
