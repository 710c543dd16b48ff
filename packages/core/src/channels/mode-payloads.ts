import type { Payloads } from './adapter.ts'
import { ChannelError } from './channel-error.ts'

/**
 * The payload of each mode; a mode whose limits the content exceeds is left out.
 * @throws ChannelError CONTENT_TOO_LONG where it exceeds all of them
 */
export function modePayloads(modes: { robot(): unknown; app(): unknown }): Payloads {
  const payloads: Payloads = {}
  let tooLong: unknown
  for (const mode of ['app', 'robot'] as const) {
    try {
      payloads[mode] = modes[mode]()
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== 'CONTENT_TOO_LONG') throw error
      tooLong = error
    }
  }
  if (Object.keys(payloads).length === 0) throw tooLong
  return payloads
}
