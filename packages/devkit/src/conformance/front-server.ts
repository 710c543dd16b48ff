import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ProviderAnswer, ProviderFixture, ProviderRequest } from './fixture.ts'

/** What happens to calls that carry a message instead of the provider's own answer. `times`: to so many; default: to all. */
export type Fault = { times?: number } & (
  | { kind: 'answer'; answer: ProviderAnswer }
  /** Takes the call and never answers. */
  | { kind: 'silence' }
  /** Takes the call and ends the connection; `inAnswer`: after the first bytes of an answer. */
  | { kind: 'reset'; inAnswer: boolean }
)

/** A provider over real HTTP with faults in front of it. */
export interface FrontServer {
  /** Without a slash at its end. */
  url: string
  /** Every call so far, oldest first. */
  requests: ProviderRequest[]
  /** Those of them that carry a message. */
  messages(): ProviderRequest[]
  /** From now on; undefined = none. */
  setFault(fault: Fault | undefined): void
  close(): Promise<void>
}

const portsHad = new Set<number>()

/** Starts it on a free port of the loopback address, which it is the first one to have in this process. */
export async function startFrontServer(provider: ProviderFixture): Promise<FrontServer> {
  const requests: ProviderRequest[] = []
  const isMessage = provider.isMessage ?? (() => true)
  let fault: Fault | undefined
  let hits = 0
  const server = http.createServer(async (incoming, outgoing) => {
    const request = await readRequest(incoming)
    requests.push(request)
    if (fault && hits < (fault.times ?? Number.POSITIVE_INFINITY) && isMessage(request)) {
      hits += 1
      return suffer(fault, outgoing)
    }
    try {
      write(outgoing, await provider.answer(request))
    } catch (error) {
      write(outgoing, { status: 500, body: `the fake provider failed: ${error}` })
    }
  })
  const port = await listenOnNewPort(server)
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    messages: () => requests.filter(isMessage),
    setFault(wanted) {
      fault = wanted
      hits = 0
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * On a port that no other one has had in this process: what an adapter keeps or has under way for an address (an access
 * token, a fetch of one) is not to meet the next check.
 */
async function listenOnNewPort(server: http.Server): Promise<number> {
  for (;;) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    if (!portsHad.has(port)) {
      portsHad.add(port)
      return port
    }
    server.close()
    await once(server, 'close')
  }
}

async function readRequest(incoming: http.IncomingMessage): Promise<ProviderRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])
  return {
    method: incoming.method ?? '',
    url: new URL(incoming.url ?? '/', 'http://provider'),
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks).toString(),
  }
}

function suffer(fault: Fault, outgoing: http.ServerResponse): void {
  if (fault.kind === 'answer') write(outgoing, fault.answer)
  if (fault.kind !== 'reset') return
  if (!fault.inAnswer) return void outgoing.destroy()
  outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  outgoing.write('{"errcode":0,"code":0,', () => outgoing.destroy())
}

function write(outgoing: http.ServerResponse, { status = 200, headers = {}, body }: ProviderAnswer): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8'
  outgoing.writeHead(status, { 'content-type': type, ...headers }).end(text)
}
