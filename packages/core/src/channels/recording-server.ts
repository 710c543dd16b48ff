import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RecordedRequest {
  method: string
  url: URL
  headers: http.IncomingHttpHeaders
  body: string
}

export interface CannedAnswer {
  status?: number
  headers?: http.OutgoingHttpHeaders
  /** An object is sent as JSON. */
  body: string | object
}

/** A real HTTP server that keeps every request and answers with what `answer` gives for the n-th (from 0). */
export async function startRecordingServer(answer: (index: number) => CannedAnswer) {
  const requests: RecordedRequest[] = []
  let connections = 0
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const url = new URL(request.url ?? '/', 'http://recorded')
    requests.push({
      method: request.method ?? '',
      url,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    })
    const { status = 200, headers = {}, body } = answer(requests.length - 1)
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    connectionCount: () => connections,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
