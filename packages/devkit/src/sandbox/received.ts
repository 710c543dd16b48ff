import type { Provider } from './provider-call.ts'

const MOST_MESSAGES = 20_000
/** Bodies may be megabytes (pictures): the store is bounded by their size as well. */
const MOST_CHARACTERS = 128 * 1024 * 1024

/** Whom a message was for, as the provider understood it. */
export interface Recipients {
  userIds: readonly string[]
  mobiles: readonly string[]
  departments: readonly string[]
  tags: readonly string[]
  all: boolean
  /** Ids that the provider does not know (or, WeCom, that have no licence). */
  invalid: readonly string[]
  /** Users from whom the provider kept the message without saying so (DingTalk: same content twice a day). */
  dropped: readonly string[]
  /** Mentions asked for that nobody sees: not in the text, or the type cannot mention. */
  notShown: readonly string[]
}

export const NOBODY: Recipients = Object.freeze({
  userIds: [],
  mobiles: [],
  departments: [],
  tags: [],
  all: false,
  invalid: [],
  dropped: [],
  notShown: [],
})

/** A message as recorded: everything but the id, which the store gives. */
export interface MessageRecord {
  /** Epoch milliseconds with fraction, when the whole request was there. */
  at: number
  /** TCP port of the client: who had which connection can tell by it who sent this. */
  clientPort: number | undefined
  provider: Provider
  mode: 'robot' | 'app'
  /** Robot token or key, app agent id. */
  key: string
  msgtype: string
  /** The request body, JSON. */
  body: string
  recipients: Recipients
  /** What the client saw; status 0 = no answer. */
  answer: { status: number; errcode: number | null }
  delivered: boolean
  duplicate: boolean
  /** Answered "ok" but given to nobody. */
  dropped: boolean
  /** Fields that the provider cuts on display. */
  truncated: readonly string[]
  /** The fault that hit the message, if any. */
  fault?: string
  /** The provider's id of the message (task_id, msgid). */
  messageId?: string
}

export interface StoredMessage extends MessageRecord {
  id: string
  recalled: boolean
}

/** A message as the control API shows it. */
export interface ReceivedMessage extends Omit<StoredMessage, 'body'> {
  /** The parsed body, or the raw text where it was not JSON. */
  payload: unknown
}

export interface MessageFilter {
  provider?: string
  /** Robot token or key, app agent id. */
  token?: string
  /** Text that occurs anywhere in the body. */
  contains?: string
  /** Only what arrived after this time (epoch ms). */
  since?: number
  /** At most this many, the newest. */
  limit?: number
}

export interface ReceivedStore {
  record(message: MessageRecord): StoredMessage
  /** Oldest first; with a limit, the newest that many. */
  list(filter: MessageFilter): StoredMessage[]
  find(provider: Provider, messageId: string): StoredMessage | undefined
  recall(message: StoredMessage): void
  /** Calls back for every message from now on; returns the way to stop it. */
  watch(watcher: (message: StoredMessage) => void): () => void
  clear(): void
  /** Grows with every change: tells a page whether to draw again. */
  version(): number
}

/** Creates the store: the newest 20,000 messages, at most 128 Mi characters of bodies. */
export function createReceivedStore(capacity = MOST_MESSAGES, maxCharacters = MOST_CHARACTERS): ReceivedStore {
  const ring = new Map<number, StoredMessage>()
  const byMessageId = new Map<string, StoredMessage>()
  const watchers = new Set<(message: StoredMessage) => void>()
  let oldest = 1
  let next = 1
  let characters = 0
  let version = 0

  function dropOldestMessage(): void {
    const message = ring.get(oldest)
    ring.delete(oldest)
    oldest += 1
    if (message === undefined) return
    characters -= message.body.length
    if (message.messageId !== undefined) byMessageId.delete(indexKey(message.provider, message.messageId))
  }

  function record(message: MessageRecord): StoredMessage {
    const stored: StoredMessage = { ...message, body: searchable(message.body), id: String(next), recalled: false }
    ring.set(next, stored)
    next += 1
    version += 1
    characters += stored.body.length
    if (stored.messageId !== undefined) byMessageId.set(indexKey(stored.provider, stored.messageId), stored)
    while (ring.size > capacity || (characters > maxCharacters && ring.size > 1)) dropOldestMessage()
    for (const watcher of watchers) watcher(stored)
    return stored
  }

  function list(filter: MessageFilter): StoredMessage[] {
    const matches = matcherOf(filter)
    const limit = filter.limit ?? capacity
    const found: StoredMessage[] = []
    for (let sequence = next - 1; sequence >= oldest && found.length < limit; sequence -= 1) {
      const message = ring.get(sequence)
      if (message !== undefined && matches(message)) found.push(message)
    }
    return found.reverse()
  }

  return {
    record,
    list,
    find: (provider, messageId) => byMessageId.get(indexKey(provider, messageId)),
    recall(message) {
      message.recalled = true
      version += 1
    },
    watch(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    clear() {
      ring.clear()
      byMessageId.clear()
      oldest = next
      characters = 0
      version += 1
    },
    version: () => version,
  }
}

/** The test that a filter stands for (its limit aside). */
export function matcherOf(filter: MessageFilter): (message: StoredMessage) => boolean {
  const { provider, token, contains, since } = filter
  // A body holds its strings escaped, so a needle with quotes or line ends must be looked for in that form too.
  const escaped = contains === undefined ? '' : JSON.stringify(contains).slice(1, -1)
  return (message) =>
    (provider === undefined || message.provider === provider) &&
    (token === undefined || message.key === token) &&
    (since === undefined || message.at > since) &&
    (contains === undefined ||
      message.body.includes(escaped) ||
      (escaped !== contains && message.body.includes(contains)))
}

/** The shape that the control API answers. */
export function toReceivedMessage({ body, ...message }: StoredMessage): ReceivedMessage {
  return { ...message, payload: parseBody(body) }
}

/** The parsed body, or the text itself where it was not JSON. */
function parseBody(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // Recorded because it was refused for exactly that: show what came.
    return body
  }
}

/** Clients may escape beyond need (`\u4e2d`): bodies are kept in one spelling so that a search finds them. */
function searchable(body: string): string {
  if (!body.includes('\\u') && !body.includes('\\/')) return body
  const parsed = parseBody(body)
  return typeof parsed === 'string' ? body : JSON.stringify(parsed)
}

function indexKey(provider: Provider, messageId: string): string {
  return `${provider} ${messageId}`
}
