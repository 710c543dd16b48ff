import { ChannelError } from './channel-error.ts'

/** What happens to a content over the provider's size limit; the config's `overflow`. */
export type Overflow = 'reject' | 'truncate'

const ELLIPSIS = '…'
const graphemes = new Intl.Segmenter('zh', { granularity: 'grapheme' })

/**
 * The longest beginning of `text`, ended by "…", that `fits`; `text` itself where that fits already.
 * Never cuts inside a grapheme (emoji, combined character). `undefined` where not even "…" fits.
 */
export function truncate(text: string, fits: (candidate: string) => boolean): string | undefined {
  if (fits(text)) return text
  const segments = graphemes.segment(text)
  const cutAt = (index: number): string => text.slice(0, segments.containing(index)?.index ?? index) + ELLIPSIS
  if (!fits(cutAt(0))) return undefined
  let low = 0
  let high = text.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(cutAt(middle))) low = middle
    else high = middle - 1
  }
  return cutAt(low)
}

export interface SizeLimit {
  /** What is limited, for the error's text: `text.content`. */
  field: string
  maxBytes: number
  /** Bytes of the limited thing when it is built with this text. */
  size(text: string): number
}

/**
 * The text as it may be sent: unchanged, or cut where `overflow` says so.
 * @throws ChannelError PERMANENT `CONTENT_TOO_LONG`, naming size and limit
 */
export function fitText(text: string, limit: SizeLimit, overflow: Overflow): string {
  const size = limit.size(text)
  if (size <= limit.maxBytes) return text
  const cut = overflow === 'truncate' ? truncate(text, (part) => limit.size(part) <= limit.maxBytes) : undefined
  if (cut !== undefined) return cut
  throw new ChannelError('PERMANENT', {
    code: 'CONTENT_TOO_LONG',
    message: `${limit.field} has ${size} bytes, the provider takes ${limit.maxBytes}`,
  })
}
