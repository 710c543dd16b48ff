import { connect } from 'node:net'

const PROBE_TIMEOUT_MS = 2_000

/**
 * Whether a MySQL server on 127.0.0.1 takes clients: it greets each with a packet of protocol version 10, only after
 * its start-up (init file included) is done. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
 */
export async function mysqlAnswers(port: number): Promise<boolean> {
  const packet = await firstAnswer(port, '', (received) => received.length >= 5)
  return packet?.[4] === 10
}

/** Whether a Redis server on 127.0.0.1 answers PING; while it loads its data it does not say PONG. */
export async function redisAnswers(port: number): Promise<boolean> {
  const answer = await firstAnswer(port, 'PING\r\n', (received) => received.includes('\r\n'))
  return answer?.toString('latin1').startsWith('+PONG') ?? false
}

/** Sends `greeting` and gives back what came once it is complete; undefined when the server does not get that far. */
function firstAnswer(port: number, greeting: string, isComplete: (received: Buffer) => boolean) {
  return new Promise<Buffer | undefined>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: PROBE_TIMEOUT_MS })
    let received = Buffer.alloc(0)
    const finish = (answer: Buffer | undefined) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => socket.write(greeting))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (isComplete(received)) finish(received)
    })
    // No answer is this probe's finding, not its failure.
    socket.once('error', () => finish(undefined))
    socket.once('timeout', () => finish(undefined))
    socket.once('close', () => finish(undefined))
  })
}
