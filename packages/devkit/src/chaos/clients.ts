import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Channel, Told } from './books.ts'
import type { Random } from './random.ts'
import { BUSINESS_TYPE, GAP_BUSINESS_TYPE } from './rig.ts'

/** Business systems that post all the time, and post again what they got no clear answer to. */
export interface Clients {
  told: readonly Told[]
  /** Starts no new message and resolves when each has its clear answer, or has gone without for a minute. */
  stop(): Promise<void>
}

export interface ClientsOptions {
  urls: readonly string[]
  token: string
  /** Messages a second, about. */
  rate: number
  random: Random
  /** Start of every message's id; holds nothing but letters, digits and `-`. */
  idPrefix: string
}

const CLIENTS = 4
const ANSWER_TIMEOUT_MS = 6_000
const TRY_AGAIN_MS = [200, 1_500] as const
const LARGEST_BATCH = 40
/** After the last new message. */
const GIVE_UP_MS = 60_000
const ALL: readonly Channel[] = ['DINGTALK', 'WECHAT_WORK', 'LOCAL']

interface Message extends Told {
  answers: Answer[]
  body: object
}

interface Signals {
  stop: AbortSignal
  giveUp: AbortSignal
}

export function startClients(options: ClientsOptions): Clients {
  const told: Message[] = []
  const stopping = new AbortController()
  const givingUp = new AbortController()
  const signals = { stop: stopping.signal, giveUp: givingUp.signal }
  const clients = Array.from({ length: CLIENTS }, () => runClient(options, options.random.fork(), told, signals))
  return {
    told,
    async stop() {
      stopping.abort()
      const timer = setTimeout(() => givingUp.abort(), GIVE_UP_MS)
      await Promise.all(clients)
      clearTimeout(timer)
    },
  }
}

async function runClient(options: ClientsOptions, random: Random, told: Message[], signals: Signals): Promise<void> {
  const posts = new Set<Promise<void>>()
  while (!signals.stop.aborted) {
    const count = random.chance(0.7) ? 1 : random.integer(2, LARGEST_BATCH)
    const messages = Array.from({ length: count }, () =>
      newMessage(`${options.idPrefix}-${told.length + 1}`, random, told),
    )
    // Not waited for: clients do not stop because one of the APIs is slow.
    const post = postUntilClear(messages, options, random.fork(), signals.giveUp).finally(() => posts.delete(post))
    posts.add(post)
    await delay(((count * CLIENTS * 1000) / options.rate) * random.between(0.5, 1.5))
  }
  await Promise.all(posts)
}

function newMessage(messageId: string, random: Random, told: Message[]): Message {
  const hasGap = random.chance(0.03)
  const channels = random.chance(0.2) ? [random.pick(ALL)] : ALL
  // Some are large: a disk that is full has to be noticed.
  const filler = 'x'.repeat(random.chance(0.1) ? random.integer(1_000, 30_000) : random.integer(0, 200))
  const message: Message = {
    messageId,
    channels,
    failing: hasGap ? channels.filter((channel) => channel === 'WECHAT_WORK') : [],
    answers: [],
    body: {
      messageId,
      businessType: hasGap ? GAP_BUSINESS_TYPE : BUSINESS_TYPE,
      businessData: { orderNo: messageId, userId: `user-${random.integer(1, 50)}`, filler },
      ...(channels === ALL ? {} : { targetChannels: channels }),
      attributes: { priority: random.integer(0, 9) },
    },
  }
  told.push(message)
  return message
}

/** As a careful client does: the same ids again, at whichever API, until each is taken; now and then once more after that. */
async function postUntilClear(
  messages: readonly Message[],
  options: ClientsOptions,
  random: Random,
  giveUp: AbortSignal,
): Promise<void> {
  let open = messages
  while (open.length > 0 && !giveUp.aborted) {
    await postOnce(open, options, random.pick(options.urls))
    open = open.filter((message) => !isTaken(message))
    if (open.length > 0) await delay(random.between(...TRY_AGAIN_MS))
  }
  if (random.chance(0.1)) await postOnce(messages, options, random.pick(options.urls))
}

function isTaken({ answers }: Message): boolean {
  return answers.some(({ status }) => status === 200 || status === 202)
}

async function postOnce(messages: readonly Message[], { token }: ClientsOptions, url: string): Promise<void> {
  const [first] = messages
  const batch = messages.length > 1
  const answer = await post(
    `${url}/api/messages${batch ? '/batch' : ''}`,
    token,
    batch ? messages.map(({ body }) => body) : first?.body,
  )
  for (const [index, { answers }] of messages.entries()) {
    const entry = answer.results?.[index]
    answers.push(entry ? { at: answer.at, ...asSingle(entry) } : { at: answer.at, status: answer.status })
  }
}

interface BatchEntry {
  success: boolean
  errorCode?: string
}

/** An entry of a batch does not say whether it is new: taken is taken. */
function asSingle({ success, errorCode }: BatchEntry): Omit<Answer, 'at'> {
  if (success) return { status: 200 }
  return { status: errorCode === 'UNAVAILABLE' ? 503 : errorCode === 'TOO_MANY_REQUESTS' ? 429 : 500, errorCode }
}

async function post(
  url: string,
  token: string,
  body: unknown,
): Promise<{ at: number; status: number | null; results?: BatchEntry[] }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
    const answer = (await response.json()) as { results?: BatchEntry[] }
    return { at: Date.now(), status: response.status, results: answer.results }
  } catch {
    // No connection, no answer in time, or half of one: nothing is known of the message.
    return { at: Date.now(), status: null }
  }
}
