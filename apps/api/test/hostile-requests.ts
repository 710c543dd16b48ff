import { HEADERS, HOSTILE_BODIES, HOSTILE_VALUES, PATH_PARTS, QUERY_PARTS } from './hostile-values.ts'
import { type JsonSchema, type Operation, sampleOf } from './openapi-operations.ts'

/** A request as it goes over the wire. */
export interface HostileRequest {
  method: string
  path: string
  headers: Record<string, string>
  body: Buffer | undefined
}

/** Numbers from 0 up to 1, the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** JSON texts of fields that must fit each other for a call to get anywhere. */
const FITTING: Record<string, string> = {
  channelType: '"LOCAL"',
  configJson: '{"recipients":["u1"]}',
  messageType: '"TEXT"',
}

/** Makes requests for an operation: the sample of its schema with something hostile in it, or nothing but that. */
export function hostileRequests(random: () => number): (operation: Operation) => HostileRequest {
  const chance = (share: number) => random() < share
  const pick = <T>(from: readonly [T, ...T[]] | readonly T[]): T => from[Math.floor(random() * from.length)] as T

  /** JSON text: the sample of the schema in which about one value is replaced, added or missing. */
  function spoiled(schema: JsonSchema, share: number): string {
    if (chance(share)) return pick(HOSTILE_VALUES)
    const alternative = schema.anyOf ?? schema.oneOf
    if (alternative && alternative.length > 0) return spoiled(pick(alternative), share)
    if (schema.properties) return spoiledObject(schema.properties, schema.required ?? [], share)
    if (schema.items)
      return `[${Array.from({ length: Math.floor(random() * 3) }, () => spoiled(schema.items ?? {}, share)).join()}]`
    return JSON.stringify(schema.enum ? pick(schema.enum) : sampleOf(schema)) ?? 'null'
  }

  function spoiledObject(properties: Record<string, JsonSchema>, required: string[], share: number): string {
    const names = Object.keys(properties).filter((name) => (required.includes(name) ? !chance(share / 2) : chance(0.4)))
    const textOf = (name: string) => (chance(0.7) ? FITTING[name] : undefined) ?? spoiled(properties[name] ?? {}, share)
    const fields = names.map((name) => `${JSON.stringify(name)}:${textOf(name)}`)
    if (chance(share))
      fields.push(`${pick(['"__proto__"', '"extra"', '""', '"constructor"', '"\\ud800"'])}:${pick(HOSTILE_VALUES)}`)
    return `{${fields.join()}}`
  }

  function bodyOf({ body }: Operation): Buffer | undefined {
    if (body === undefined) return chance(0.1) ? pick(HOSTILE_BODIES) : undefined
    if (chance(0.12)) return pick(HOSTILE_BODIES)
    const text = spoiled(body, pick([0, 0.05, 0.15, 0.4]))
    return Buffer.from(chance(0.05) ? text.slice(0, Math.floor(random() * text.length)) : text)
  }

  function pathOf({ path, parameters }: Operation): string {
    const filled = path.replace(/\{[^}]+\}/g, () =>
      chance(0.3) ? String(1 + Math.floor(random() * 5)) : pick(PATH_PARTS),
    )
    const query = parameters.flatMap(({ name, in: place, schema, required }) =>
      place === 'query' && (required === true || chance(0.2))
        ? [`${name}=${encodeURIComponent(String(sampleOf(schema)))}`]
        : [],
    )
    for (let more = Math.floor(random() * 2.5); more > 0; more--) query.push(pick(QUERY_PARTS))
    return query.length > 0 ? `${filled}?${query.join('&')}` : filled
  }

  return (operation) => {
    const body = bodyOf(operation)
    return {
      method: chance(0.02) ? pick(['PATCH', 'OPTIONS', 'HEAD', 'PROPFIND', 'TRACE']) : operation.method,
      path: pathOf(operation),
      headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...(chance(0.15) ? pick(HEADERS) : {}) },
      body,
    }
  }
}
