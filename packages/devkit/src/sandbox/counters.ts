import type { MessageRecord } from './received.ts'

/** Names come from clients: beyond this many, new ones are counted under one name. */
const MOST_NAMES = 10_000
const OTHERS = '(others)'

export interface CounterValues {
  received: number
  delivered: number
  duplicate: number
  dropped: number
  /** provider → key (token, agent id) → errcode (where there was none: `http_<status>` or the fault's kind) → messages. */
  messages: Record<string, Record<string, Record<string, number>>>
  /** Provider path → calls of any kind, token requests included. */
  calls: Record<string, number>
}

export interface Counters {
  countCall(path: string): void
  countMessage(message: MessageRecord): void
  values(): CounterValues
  clear(): void
}

/** Creates counters at zero. They go on counting when the message store has long let a message go. */
export function createCounters(): Counters {
  let totals = { received: 0, delivered: 0, duplicate: 0, dropped: 0 }
  const calls = new Map<string, number>()
  const keys = new Map<string, { provider: string; key: string; codes: Map<string, number> }>()

  function codesOf(provider: string, key: string): Map<string, number> {
    const name = `${provider} ${key}`
    const entry = keys.get(name)
    if (entry !== undefined) return entry.codes
    if (keys.size >= MOST_NAMES && key !== OTHERS) return codesOf(provider, OTHERS)
    const codes = new Map<string, number>()
    keys.set(name, { provider, key, codes })
    return codes
  }

  return {
    countCall: (path) => increment(calls, path),
    countMessage(message) {
      totals.received += 1
      if (message.delivered) totals.delivered += 1
      if (message.duplicate) totals.duplicate += 1
      if (message.dropped) totals.dropped += 1
      increment(codesOf(message.provider, message.key), codeOf(message))
    },
    values() {
      const messages: CounterValues['messages'] = {}
      for (const { provider, key, codes } of keys.values()) {
        const byKey = messages[provider] ?? {}
        byKey[key] = Object.fromEntries(codes)
        messages[provider] = byKey
      }
      return { ...totals, messages, calls: Object.fromEntries(calls) }
    },
    clear() {
      totals = { received: 0, delivered: 0, duplicate: 0, dropped: 0 }
      calls.clear()
      keys.clear()
    },
  }
}

function codeOf({ answer, fault }: MessageRecord): string {
  if (answer.errcode !== null) return String(answer.errcode)
  return fault === undefined || fault === 'http' ? `http_${answer.status}` : fault
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
