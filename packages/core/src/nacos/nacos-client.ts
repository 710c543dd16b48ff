import type { NacosEnv } from '../settings/nacos-env.ts'
import { type Dialect, type Instance, NACOS_1, NACOS_3, type NacosAnswer, type NacosRequest } from './dialects.ts'

const CALL_TIMEOUT_MS = 3_000
/** A token is asked for anew when so much of its life is left. */
const TOKEN_MARGIN_MS = 30_000
const FORBIDDEN = [401, 403]

/** What is used of a Nacos server, by its HTTP API: that of Nacos 3, or of 1 and 2 where the server has no other. */
export interface NacosClient {
  /** Undefined where there is none. @throws Error where no node answers, or refuses */
  config(group: string, dataId: string): Promise<string | undefined>
  register(instance: Instance): Promise<void>
  /** False where the server does not know the instance (any more). */
  beat(instance: Instance): Promise<boolean>
  deregister(instance: Instance): Promise<void>
}

export function createNacosClient(env: NacosEnv): NacosClient {
  let dialect: Dialect | undefined
  let token: { text: string; until: number } | undefined
  /** The node that answered last is asked first. */
  let node = 0

  async function send(request: NacosRequest): Promise<NacosAnswer> {
    let failure: unknown
    for (let tried = 0; tried < env.servers.length; tried++) {
      try {
        return await exchange(env.servers[node] ?? '', request)
      } catch (error) {
        failure = error
        node = (node + 1) % env.servers.length
      }
    }
    throw new Error('no Nacos server answers', { cause: failure })
  }

  async function speak(): Promise<Dialect> {
    if (!dialect) {
      // Without a token either way: a Nacos that has the path says so by its own kind of answer.
      const answer = await send(
        NACOS_3.config({ namespace: env.namespace, group: env.group, dataId: 'message-center' }),
      )
      dialect = answer.status >= 500 ? undefined : NACOS_3.isSpoken(answer) ? NACOS_3 : NACOS_1
    }
    if (!dialect) throw new Error('the Nacos server is not ready')
    return dialect
  }

  async function login(speaking: Dialect): Promise<string | undefined> {
    const { username, password } = env
    if (!username || !password) return undefined
    if (token && token.until > Date.now()) return token.text
    const answer = await send(speaking.login(username, password))
    const { accessToken, tokenTtl } = (answer.json ?? {}) as { accessToken?: string; tokenTtl?: number }
    if (!accessToken) throw new Error(`Nacos refuses the user: HTTP ${answer.status}`)
    token = { text: accessToken, until: Date.now() + (tokenTtl ?? 0) * 1000 - TOKEN_MARGIN_MS }
    return accessToken
  }

  async function call(make: (speaking: Dialect) => NacosRequest): Promise<{ speaking: Dialect; answer: NacosAnswer }> {
    const speaking = await speak()
    const request = make(speaking)
    const ask = async () => send(withToken(request, await login(speaking)))
    const first = await ask()
    if (!FORBIDDEN.includes(first.status) || !token) return { speaking, answer: first }
    // The server may have forgotten the token.
    token = undefined
    return { speaking, answer: await ask() }
  }

  const done = async (make: (speaking: Dialect) => NacosRequest) => {
    const { speaking, answer } = await call(make)
    if (!speaking.isDone(answer)) throw refusal(answer)
  }
  const place = { namespace: env.namespace }
  return {
    async config(group, dataId) {
      const { speaking, answer } = await call((by) => by.config({ ...place, group, dataId }))
      if (speaking.isMissing(answer)) return undefined
      const content = speaking.content(answer)
      if (content === undefined) throw refusal(answer)
      return content
    },
    register: (instance) => done((by) => by.register({ ...place, ...instance })),
    deregister: (instance) => done((by) => by.deregister({ ...place, ...instance })),
    async beat(instance) {
      const { speaking, answer } = await call((by) => by.beat({ ...place, ...instance }))
      if (speaking.isUnknownInstance(answer)) return false
      if (!speaking.isDone(answer)) throw refusal(answer)
      return true
    },
  }
}

async function exchange(server: string, { method, path, query, form }: NacosRequest): Promise<NacosAnswer> {
  const search = new URLSearchParams(query)
  const response = await fetch(`${server}${path}${search.size > 0 ? `?${search}` : ''}`, {
    method,
    redirect: 'error',
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    ...(form ? { body: new URLSearchParams(form) } : {}),
  })
  const text = await response.text()
  return { status: response.status, text, json: parsed(text) }
}

function withToken(request: NacosRequest, accessToken: string | undefined): NacosRequest {
  return accessToken ? { ...request, query: { ...request.query, accessToken } } : request
}

function refusal({ status, text }: NacosAnswer): Error {
  return new Error(`Nacos refuses: HTTP ${status} ${text.slice(0, 200)}`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Nacos 1 and 2 answer with bare texts, too; the dialect knows.
    return undefined
  }
}
