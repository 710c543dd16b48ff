import { compileValidator } from '../contracts/validator.ts'
import { SETTINGS } from '../settings/definitions.ts'
import type { NacosClient } from './nacos-client.ts'

/** Settings that Nacos holds: they stand in for the defaults, below what the API has set. */
export interface NacosSettings {
  values(): Readonly<Record<string, unknown>>
  /** Called after they have changed. */
  subscribe(listener: () => void): void
  close(): void
}

const LOOK_EVERY_MS = 3_000
const validators = new Map(Object.entries(SETTINGS).map(([key, { schema }]) => [key, compileValidator(schema)]))

/**
 * Watches the document of a data id, a JSON object of system configs. What it cannot be used for is told and left out; while
 * Nacos is away, or the text is no JSON, the values stay as they were.
 * @param warn told once per cause
 */
export function watchNacosSettings(
  client: Pick<NacosClient, 'config'>,
  place: { group: string; dataId: string },
  warn: (text: string, error?: unknown) => void,
): NacosSettings {
  let values: Record<string, unknown> = {}
  let known: string | undefined
  let failing = false
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const listeners: (() => void)[] = []

  function take(text: string | undefined): void {
    if (text === known) return
    known = text
    const read = text === undefined ? {} : readSettings(text, warn)
    if (!read || JSON.stringify(read) === JSON.stringify(values)) return
    values = read
    for (const listener of listeners) listener()
  }

  async function look(): Promise<void> {
    try {
      take(await client.config(place.group, place.dataId))
      failing = false
    } catch (error) {
      if (!failing) warn('system configs cannot be read from Nacos just now; they stay as they are', error)
      failing = true
    }
    if (!closed) timer = setTimeout(look, LOOK_EVERY_MS).unref()
  }
  void look()
  return {
    values: () => values,
    subscribe: (listener) => void listeners.push(listener),
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

function readSettings(text: string, warn: (text: string) => void): Record<string, unknown> | undefined {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    document = undefined
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    warn('the system configs in Nacos are no JSON object; they stay as they were')
    return undefined
  }
  return Object.fromEntries(
    Object.entries(document).filter(([key, value]) => {
      const [fault] = validators.get(key)?.(value) ?? [{ message: 'is no system config' }]
      if (fault) warn(`system config '${key}' in Nacos is left out: it ${fault.message}`)
      return !fault
    }),
  )
}
