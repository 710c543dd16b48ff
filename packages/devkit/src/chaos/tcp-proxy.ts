import { once } from 'node:events'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What the way between two processes does with their bytes. */
export type Weather =
  | { kind: 'clear' }
  /** Each piece arrives so much later, in order, in both directions. */
  | { kind: 'latency'; ms: number }
  /** Bytes and closings vanish in both directions, and nobody is told; new connections stand and stay silent. */
  | { kind: 'half-open' }
  /** Nobody listens, and connections that stood are reset. */
  | { kind: 'refuse' }

/** A connection that the proxy made to its target. */
interface Link {
  client: Socket
  upstream: Socket
  /** The port that the target sees. */
  port: number | undefined
  openedAt: number
  closedAt: number
  /** When the question was asked that has no answer as yet. */
  askedAt: number | undefined
  /** Something of it has vanished: nothing more may pass, or the peers would read the rest as if it were whole. */
  broken: boolean
}

/** A question that was answered late, or not at all before its connection ended. */
export interface LateAnswer {
  /** The port that the target saw. */
  port: number
  /** Epoch ms. */
  askedAt: number
  ms: number
}

/** One way between two processes that can be made bad. */
export interface TcpProxy {
  readonly port: number
  setWeather(weather: Weather): Promise<void>
  /** Resets every connection that stands; new ones are taken. @returns how many */
  reset(): number
  /**
   * When the connection began (epoch ms) that the target saw come from `port` at `at`; undefined where it was none of this
   * proxy. The system uses ports again: of several proxies the latest answer is right.
   */
  carriedSince(port: number, at: number): number | undefined
  /** For protocols of one question and one answer at a time, HTTP/1.1: as this proxy saw it, whoever was slow. */
  lateAnswers(): readonly LateAnswer[]
  stop(): void
}

const HOST = '127.0.0.1'
/** A connection is known for so long after it has closed: its last request may be told later. */
const REMEMBERED_MS = 60_000
const LISTEN_AGAIN_MS = 50
/** An answer that takes so long is late. */
const LATE_MS = 1_000
const MOST_LATE_ANSWERS = 10_000

interface State {
  weather: Weather
  links: Link[]
  late: LateAnswer[]
  server: Server | undefined
}

/** @param target the port on this machine that connections go to; asked anew for each */
export async function startTcpProxy(target: () => number): Promise<TcpProxy> {
  const state: State = { weather: { kind: 'clear' }, links: [], late: [], server: undefined }
  const accept = (client: Socket) => openLink(state, client, target())
  const port = await listen(state, 0, accept)
  return {
    port,
    async setWeather(next) {
      state.weather = next
      if (next.kind === 'refuse') {
        stopListening(state)
        resetWhere(state, () => true)
      } else if (!state.server) await listen(state, port, accept)
      if (next.kind === 'clear') resetWhere(state, ({ broken }) => broken)
    },
    reset: () => resetWhere(state, () => true),
    carriedSince: (ofPort, at) => state.links.findLast((link) => link.port === ofPort && link.openedAt <= at)?.openedAt,
    lateAnswers: () => state.late,
    stop() {
      stopListening(state)
      resetWhere(state, () => true)
    },
  }
}

function openLink(state: State, client: Socket, target: number): void {
  const now = Date.now()
  const upstream = dial({ host: HOST, port: target, allowHalfOpen: true, noDelay: true })
  client.setNoDelay(true)
  const times = { openedAt: now, closedAt: Number.POSITIVE_INFINITY, askedAt: undefined }
  const link: Link = { client, upstream, port: undefined, broken: false, ...times }
  state.links = state.links.filter(({ closedAt }) => now - closedAt < REMEMBERED_MS)
  state.links.push(link)
  upstream.once('connect', () => {
    link.port = upstream.localPort
  })
  pass(state, link, client, upstream)
  pass(state, link, upstream, client)
}

/** One direction of a connection. */
function pass(state: State, link: Link, from: Socket, to: Socket): void {
  const later = inWeather(state, link)
  from.on('data', (chunk) => {
    if (from === link.client) link.askedAt ??= Date.now()
    later(() => {
      if (from === link.upstream) noteAnswer(state, link)
      if (to.destroyed || to.write(chunk)) return
      from.pause()
      to.once('drain', () => from.resume())
    })
  })
  from.on('end', () => later(() => to.end()))
  // What is wrong shows as the closing that follows.
  from.on('error', () => undefined)
  from.on('close', (hadError) => {
    link.closedAt = Math.min(link.closedAt, Date.now())
    noteAnswer(state, link)
    later(() => (hadError ? to.resetAndDestroy() : to.destroySoon()))
  })
}

/** @returns runs each act when the weather lets it through, in order; never, where it vanishes */
function inWeather(state: State, link: Link): (act: () => void) => void {
  let queued = 0
  let tail: Promise<unknown> = Promise.resolve()
  return (act) => {
    const { weather } = state
    if (weather.kind === 'half-open') link.broken = true
    if (link.broken) return
    const ms = weather.kind === 'latency' ? weather.ms : 0
    if (ms === 0 && queued === 0) return act()
    queued += 1
    const dueAt = performance.now() + ms
    tail = tail
      .then(() => delay(Math.max(0, dueAt - performance.now())))
      .then(() => {
        queued -= 1
        if (!link.broken) act()
      })
  }
}

/** It has come, or will not come any more. */
function noteAnswer({ late }: State, link: Link): void {
  const { askedAt, port } = link
  link.askedAt = undefined
  if (askedAt === undefined || port === undefined || Date.now() - askedAt < LATE_MS) return
  late.push({ port, askedAt, ms: Date.now() - askedAt })
  if (late.length > MOST_LATE_ANSWERS) late.shift()
}

function resetWhere({ links }: State, matches: (link: Link) => boolean): number {
  const standing = links.filter((link) => link.closedAt === Number.POSITIVE_INFINITY || link.broken).filter(matches)
  for (const link of standing) {
    link.broken = true
    link.closedAt = Math.min(link.closedAt, Date.now())
    link.client.resetAndDestroy()
    link.upstream.resetAndDestroy()
  }
  return standing.length
}

/** @returns the port, which is `port` where that is not 0 */
async function listen(state: State, port: number, accept: (client: Socket) => void): Promise<number> {
  for (;;) {
    const server = createServer({ allowHalfOpen: true }, accept)
    try {
      await once(server.listen(port, HOST), 'listening')
      state.server = server
      const address = server.address()
      return typeof address === 'object' && address ? address.port : port
    } catch (error) {
      // While nobody listened, an outgoing connection of another process may have got the port for a moment.
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
      await delay(LISTEN_AGAIN_MS)
    }
  }
}

/** At once for new connections; those that stand are not waited for. */
function stopListening(state: State): void {
  state.server?.close()
  state.server = undefined
}
