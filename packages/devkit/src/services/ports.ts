import { once } from 'node:events'
import { createServer } from 'node:net'

/** A TCP port of 127.0.0.1 that nobody listens on now. Another process may take it first: be ready to ask again. */
export async function freePort(): Promise<number> {
  const port = await listenOnce(0, '127.0.0.1')
  if (port === undefined) throw new Error('this machine has no free port on 127.0.0.1')
  return port
}

/** `wanted` if nobody listens on it on any address, else a free port. */
export async function portOrFree(wanted: number): Promise<number> {
  // A wildcard listener and one on loopback can coexist, so both are tried.
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    if ((await listenOnce(wanted, host)) === undefined) return await freePort()
  }
  return wanted
}

async function listenOnce(port: number, host: string): Promise<number | undefined> {
  const server = createServer()
  try {
    await once(server.listen(port, host), 'listening')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES'))
      return undefined
    throw error
  }
  const address = server.address()
  await once(server.close(), 'close')
  return typeof address === 'object' ? address?.port : undefined
}
