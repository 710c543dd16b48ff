import { AppError } from '@message-center/core/contracts/errors.ts'
import type { Reader } from '@message-center/core/inbox/readers.ts'
import type { EventStream } from './event-stream.ts'

export interface StreamLimits {
  /** An open stream costs some tens of kilobytes. */
  maxStreams: number
  /** One person with many windows, or a shared account on many screens. */
  maxStreamsOfUser: number
  /** Between two signs of life. */
  beatMs: number
}

const LIMITS: StreamLimits = { maxStreams: 5_000, maxStreamsOfUser: 250, beatMs: 15_000 }
/** setTimeout takes no longer time; whoever is let go then comes again. */
const MAX_TIMER_MS = 2 ** 31 - 1
const COME_AGAIN_SECONDS = 5

/** All event streams of this process. */
export interface OpenStreams {
  /**
   * Reserves a place for a stream that is about to begin.
   * @returns gives it back
   * @throws AppError TOO_MANY_REQUESTS or UNAVAILABLE where there is none
   */
  takePlace(reader: Reader): () => void
  /**
   * Keeps a stream alive, and ends it when its token does.
   * @param expiresAt of the token, epoch ms
   * @param stillAllowed asked with each beat
   */
  tend(stream: EventStream, expiresAt: number, stillAllowed: () => Promise<boolean>): void
  /** Lets all go at once and takes no more. */
  close(): void
}

/** @param onCount told how many there are, whenever that changes */
export function createOpenStreams(onCount: (streams: number) => void, limits: StreamLimits = LIMITS): OpenStreams {
  const { maxStreams, maxStreamsOfUser, beatMs } = limits
  const ofUser = new Map<string, number>()
  const tended = new Map<EventStream, () => Promise<boolean>>()
  let places = 0
  let closing = false

  const timer = setInterval(() => {
    for (const [stream, stillAllowed] of tended) {
      stream.beat()
      void stillAllowed().then((allowed) => {
        if (!allowed) stream.end()
      })
    }
  }, beatMs)

  return {
    takePlace({ tenantId, userId }) {
      const key = `${tenantId} ${userId}`
      const own = ofUser.get(key) ?? 0
      if (closing || places >= maxStreams)
        throw new AppError('UNAVAILABLE', 'this process takes no more streams', {
          retryAfterSeconds: COME_AGAIN_SECONDS,
        })
      if (own >= maxStreamsOfUser)
        throw new AppError('TOO_MANY_REQUESTS', `more than ${maxStreamsOfUser} streams of one user`, {
          retryAfterSeconds: COME_AGAIN_SECONDS,
        })
      ofUser.set(key, own + 1)
      onCount(++places)
      return () => {
        const left = (ofUser.get(key) ?? 1) - 1
        if (left > 0) ofUser.set(key, left)
        else ofUser.delete(key)
        onCount(--places)
      }
    },
    tend(stream, expiresAt, stillAllowed) {
      if (closing) stream.end()
      tended.set(stream, stillAllowed)
      const expiry = setTimeout(() => stream.end(), Math.min(expiresAt - Date.now(), MAX_TIMER_MS))
      const forget = () => {
        clearTimeout(expiry)
        tended.delete(stream)
      }
      if (stream.closed.aborted) forget()
      else stream.closed.addEventListener('abort', forget)
    },
    close() {
      closing = true
      clearInterval(timer)
      for (const stream of tended.keys()) stream.end()
    },
  }
}
