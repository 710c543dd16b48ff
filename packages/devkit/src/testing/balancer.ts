import { createServer, connect as dial, type Socket } from 'node:net'

/** A load balancer for tests: each connection goes to the next server that takes it. */
export interface Balancer {
  url: string
  stop(): Promise<void>
}

/** @param urls of the servers; asked anew for each connection */
export async function startBalancer(urls: () => readonly string[]): Promise<Balancer> {
  const sockets = new Set<Socket>()
  let next = 0
  const server = createServer({ allowHalfOpen: false }, (client) => {
    sockets.add(client.once('close', () => sockets.delete(client)))
    const servers = urls()
    client.pause()
    passOn(
      client,
      servers.map((_, index) => new URL(servers[(next + index) % servers.length] ?? '')),
    )
    next += 1
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    async stop() {
      const closed = new Promise((done) => server.close(done))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function passOn(client: Socket, [first, ...others]: URL[]): void {
  if (!first) {
    client.destroy()
    return
  }
  const upstream = dial({ host: first.hostname, port: Number(first.port) })
  let connected = false
  client.on('error', () => upstream.destroy())
  upstream.once('connect', () => {
    connected = true
    client.pipe(upstream).pipe(client)
    client.once('close', () => upstream.destroy())
  })
  upstream.on('error', () => (connected ? client.destroy() : passOn(client, others)))
}
