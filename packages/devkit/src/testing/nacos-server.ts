import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { freePort } from '../services/ports.ts'

/**
 * A server that speaks as much of Nacos' HTTP API as this system uses, after its documents: Nacos 3 (v3/client), or Nacos 1
 * and 2 (v1). No real one can be had from the package registries.
 */
export interface NacosServer {
  /** For NACOS_SERVER. */
  address: string
  /** By `group dataId`. */
  configs: Map<string, string>
  /** By `group service ip:port`. */
  instances: Map<string, RegisteredInstance>
  /** Requests that were refused for want of a token. */
  refused: number
  beats: number
  /** Forgets every token that it gave. */
  forgetTokens(): void
  stop(): Promise<void>
}

export interface RegisteredInstance {
  ip: string
  port: number
  metadata: Record<string, string>
}

export interface NacosServerOptions {
  version: 1 | 3
  /** Without it everybody may call. */
  user?: { username: string; password: string }
}

interface Answer {
  status: number
  body: unknown
}
type Fields = Record<string, string>

const ok = (data: unknown): Answer => ({ status: 200, body: { code: 0, message: 'success', data } })
const nothing = (code: number): Answer => ({ status: 404, body: { code, message: 'resource not found', data: null } })
/** What Spring answers for a path that is not there. */
const NO_PATH: Answer = { status: 404, body: { timestamp: 0, status: 404, error: 'Not Found' } }

export async function startNacosServer({ version, user }: NacosServerOptions): Promise<NacosServer> {
  const tokens = new Set<string>()
  const keyOf = ({ groupName = '', serviceName = '', ip, port }: Fields) =>
    `${groupName} ${serviceName.split('@@').at(-1)} ${ip}:${port}`

  function register(fields: Fields): void {
    const { ip = '', port, metadata = '{}' } = fields
    nacos.instances.set(keyOf(fields), { ip, port: Number(port), metadata: JSON.parse(metadata) as Fields })
  }
  function beat(fields: Fields): boolean {
    nacos.beats++
    return nacos.instances.has(keyOf(fields))
  }

  const routes: Record<string, (fields: Fields) => Answer> =
    version === 3
      ? {
          'POST /nacos/v3/auth/user/login': login,
          'GET /nacos/v3/client/cs/config': ({ groupName, dataId }) => {
            const content = nacos.configs.get(`${groupName} ${dataId}`)
            return content === undefined ? nothing(20_004) : ok({ content, contentType: 'json', md5: '' })
          },
          'POST /nacos/v3/client/ns/instance': (fields) => {
            if (fields.heartBeat === 'true')
              return beat(fields)
                ? ok('ok')
                : { status: 200, body: { code: 21_003, message: 'instance not found', data: null } }
            register(fields)
            return ok('ok')
          },
          'DELETE /nacos/v3/client/ns/instance': remove,
        }
      : {
          'POST /nacos/v1/auth/login': login,
          'GET /nacos/v1/cs/configs': ({ group, dataId }) => {
            const content = nacos.configs.get(`${group} ${dataId}`)
            return content === undefined
              ? { status: 404, body: 'config data not exist' }
              : { status: 200, body: content }
          },
          'POST /nacos/v1/ns/instance': (fields) => {
            register(fields)
            return { status: 200, body: 'ok' }
          },
          'PUT /nacos/v1/ns/instance/beat': (fields) => ({
            status: 200,
            body: { clientBeatInterval: 5000, code: beat(fields) ? 10_200 : 20_404, lightBeatEnabled: true },
          }),
          'DELETE /nacos/v1/ns/instance': remove,
        }

  function login(fields: Fields): Answer {
    if (fields.username !== user?.username || fields.password !== user?.password)
      return { status: 403, body: 'unknown user!' }
    const accessToken = randomUUID()
    tokens.add(accessToken)
    return { status: 200, body: { accessToken, tokenTtl: 18_000, globalAdmin: false } }
  }
  function remove(fields: Fields): Answer {
    nacos.instances.delete(keyOf(fields))
    return version === 3 ? ok('ok') : { status: 200, body: 'ok' }
  }

  const server = createServer(async (request, response) => {
    const { route, fields } = await read(request)
    const handle = routes[route]
    const isAllowed = !user || route.endsWith('/login') || tokens.has(fields.accessToken ?? '')
    if (handle && !isAllowed) nacos.refused++
    const { status, body } = !handle ? NO_PATH : isAllowed ? handle(fields) : { status: 403, body: { code: 10_002 } }
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const nacos: NacosServer = {
    address: `127.0.0.1:${port}`,
    configs: new Map(),
    instances: new Map(),
    refused: 0,
    beats: 0,
    forgetTokens: () => tokens.clear(),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return nacos
}

async function read(request: IncomingMessage): Promise<{ route: string; fields: Fields }> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://nacos')
  const body = Buffer.concat(await request.toArray()).toString()
  const fields = Object.fromEntries([...searchParams, ...new URLSearchParams(body)])
  return { route: `${request.method} ${pathname}`, fields }
}
