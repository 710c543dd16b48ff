import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { payloadFault } from './fake-payload.ts'

// Feishu's webhooks as https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot describes them. It shares no code with
// the adapter: it is a second reading of that page.

export interface Bot {
  /** The bot then wants `timestamp` and `sign`. */
  secret?: string
  /** One of them must occur in the message. */
  keywords?: string[]
}

export interface FakeFeishu {
  url: string
  /** Bodies of the messages that were shown in the group of a bot, oldest first. */
  shown(token: string): Record<string, unknown>[]
  /** Adds a bot, or changes it. */
  declareBot(token: string, bot?: Bot): void
  stop(): Promise<void>
}

const PATH = '/open-apis/bot/v2/hook/'
const MOST_BYTES = 20_000
const MOST_SKEW_SECONDS = 3600

export interface FakeAnswer {
  status: number
  body: { code: number; msg: string; data: object }
}

const answer = (code: number, msg: string, status = 200): FakeAnswer => ({ status, body: { code, msg, data: {} } })
const badRequest = (why: string) => answer(9499, `Bad Request: ${why}`, 400)

/** Decides on one call, as Feishu does. */
export function judge(
  bots: ReadonlyMap<string, Bot>,
  { method, path, contentType, body }: { method: string; path: string; contentType: string; body: string },
): FakeAnswer {
  if (method !== 'POST' || !path.startsWith(PATH)) return answer(99991661, 'not found', 404)
  const bot = bots.get(path.slice(PATH.length))
  if (!bot) return answer(19001, 'param invalid: incoming webhook access token invalid')
  if (!/^application\/json(;|$)/.test(contentType)) return badRequest('content type')
  if (Buffer.byteLength(body) > MOST_BYTES) return badRequest('over 20 KB')
  const parsed = parse(body)
  if (!parsed) return badRequest('not a JSON object')
  const { timestamp, sign, ...payload } = parsed
  if (bot.secret !== undefined && !isSigned(bot.secret, timestamp, sign))
    return answer(19021, 'sign match fail or timestamp is not within one hour from current time')
  const fault = payloadFault(payload)
  if (fault) return badRequest(fault)
  if (bot.keywords && !bot.keywords.some((keyword) => body.includes(keyword)))
    return answer(19024, 'Key Words Not Found')
  return answer(0, 'success')
}

function isSigned(secret: string, timestamp: unknown, sign: unknown): boolean {
  if (typeof timestamp !== 'string' || !/^\d{10}$/.test(timestamp)) return false
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > MOST_SKEW_SECONDS) return false
  return sign === createHmac('sha256', [timestamp, secret].join('\n')).update('').digest().toString('base64')
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : undefined
  } catch {
    // Not JSON: refused like any other malformed body.
    return undefined
  }
}

/**
 * Starts it on the loopback address.
 * @param onShown told of every message that a group gets to see
 */
export async function startFakeFeishu(port = 0, onShown = (_token: string, _body: object) => {}): Promise<FakeFeishu> {
  const bots = new Map<string, Bot>()
  const messages: { token: string; body: Record<string, unknown> }[] = []
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/'
    const body = await textOf(request)
    const contentType = request.headers['content-type'] ?? ''
    const given = judge(bots, { method: request.method ?? '', path, contentType, body })
    if (given.body.code === 0) {
      const shown = { token: path.slice(PATH.length), body: parse(body) ?? {} }
      messages.push(shown)
      onShown(shown.token, shown.body)
    }
    response.writeHead(given.status, { 'content-type': 'application/json' }).end(JSON.stringify(given.body))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    shown: (token) => messages.filter((message) => message.token === token).map(({ body }) => body),
    declareBot: (token, bot = {}) => void bots.set(token, bot),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

if (import.meta.main) {
  const [port = '4020', token = 'demo-bot-0123456789', secret] = process.argv.slice(2)
  const fake = await startFakeFeishu(Number(port), (_, body) => console.log(JSON.stringify(body, null, 2)))
  fake.declareBot(token, secret === undefined ? {} : { secret })
  console.log(`a group with bot ${token}: messages to ${fake.url}${PATH}${token} are shown here`)
}
