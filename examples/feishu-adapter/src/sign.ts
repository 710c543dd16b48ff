import { createHmac } from 'node:crypto'

/** What a signed call carries in its body. */
export interface Signature {
  /** Epoch seconds, as text. */
  timestamp: string
  sign: string
}

/**
 * Signs a call: base64(HMAC-SHA256) with `<timestamp>\n<secret>` as the key, over nothing. Feishu takes a timestamp that is up
 * to an hour off its own clock.
 * @param now epoch milliseconds
 */
export function signature(secret: string, now: number): Signature {
  const timestamp = String(Math.floor(now / 1000))
  return { timestamp, sign: createHmac('sha256', `${timestamp}\n${secret}`).digest('base64') }
}
