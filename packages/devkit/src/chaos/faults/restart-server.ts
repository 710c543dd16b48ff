import { setTimeout as delay } from 'node:timers/promises'
import type { PrivateServer } from '../../services/private-server.ts'

const TRIES = 5

/** Starts a server again on its port, which another process may have got for a moment while nobody listened. */
export async function restartServer(server: PrivateServer): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await server.restart()
    } catch (error) {
      if (attempt === TRIES || !/address already in use/i.test(String(error))) throw error
      await delay(500)
    }
  }
}

/** A server may give up when it cannot write; whoever runs it starts it again then. */
export async function restartIfEnded(server: PrivateServer, restart = restartServer): Promise<void> {
  const ended = await Promise.race([server.exited.then(() => true), delay(100, false)])
  if (ended) await restart(server)
}
