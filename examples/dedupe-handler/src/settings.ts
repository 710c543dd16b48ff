export interface DedupeSettings {
  redisUrl: string
  /** How long a content counts as seen. */
  windowMs: number
  /** Channel types that are looked at; empty = all. */
  channels: ReadonlySet<string>
  keyPrefix: string
}

const MOST_MINUTES = 24 * 60

/**
 * The variables of this handler.
 * @throws Error naming the one that is missing or wrong; the worker then does not start
 */
export function readSettings(variables: Record<string, string | undefined>): DedupeSettings {
  const { DEDUPE_REDIS_URL, REDIS_URL, DEDUPE_MINUTES, DEDUPE_CHANNELS, DEDUPE_KEY_PREFIX } = variables
  const redisUrl = DEDUPE_REDIS_URL?.trim() || REDIS_URL?.trim()
  // The value itself is not repeated: it may hold a password.
  if (!redisUrl || !/^rediss?:\/\//.test(redisUrl) || !URL.canParse(redisUrl))
    throw new Error('DEDUPE_REDIS_URL (or REDIS_URL) must be a URL that begins with redis:// or rediss://')
  const minutes = Number(DEDUPE_MINUTES?.trim() || '5')
  if (!(minutes > 0 && minutes <= MOST_MINUTES))
    throw new Error(`DEDUPE_MINUTES must be a number over 0, at most ${MOST_MINUTES}, not '${DEDUPE_MINUTES}'`)
  return {
    redisUrl,
    windowMs: Math.max(1, Math.round(minutes * 60_000)),
    channels: new Set(DEDUPE_CHANNELS?.split(/[\s,]+/).filter((channel) => channel !== '')),
    keyPrefix: DEDUPE_KEY_PREFIX?.trim() || 'dedupe:',
  }
}
