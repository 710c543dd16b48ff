/** The part of a JSON Schema that samples are made from. */
export interface JsonSchema {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  examples?: unknown[]
  default?: unknown
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  minItems?: number
  minimum?: number
  minLength?: number
  pattern?: string
  format?: string
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  example?: unknown
  schema: JsonSchema
}

/** A body as the document describes it. */
export interface Media {
  schema: JsonSchema
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

/** One operation of the OpenAPI document. */
export interface Operation {
  /** `PUT /api/templates/{id}` */
  name: string
  method: string
  path: string
  parameters: Parameter[]
  body: JsonSchema | undefined
  media: Media | undefined
}

interface DocumentedOperation {
  parameters?: Parameter[]
  requestBody?: { content: Record<string, Media> }
}

/** Every operation that the document of a running API names. */
export async function operationsOf(apiUrl: string): Promise<Operation[]> {
  const document = (await (await fetch(`${apiUrl}/docs/json`)).json()) as { paths: unknown }
  const paths = withoutReferences(document.paths, document) as Record<string, Record<string, DocumentedOperation>>
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      parameters,
      body: requestBody?.content['application/json']?.schema,
      media: requestBody?.content['application/json'],
    })),
  )
}

/** The examples of a body that Swagger UI offers. */
export function examplesOf({ example, examples = {} }: Media): unknown[] {
  return [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)]
}

/** A copy in which each `$ref` is what it refers to. */
function withoutReferences(value: unknown, document: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutReferences(item, document))
  if (typeof value !== 'object' || value === null) return value
  if ('$ref' in value) return withoutReferences(referredTo(String(value.$ref), document), document)
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withoutReferences(child, document)]))
}

function referredTo(reference: string, document: unknown): unknown {
  const names = reference.slice('#/'.length).split('/')
  return names.reduce<unknown>((part, name) => Object(part)[name], document)
}

const SAMPLES_BY_FORMAT: Record<string, unknown> = {
  'date-time': '2030-01-01T00:00:00Z',
  uri: 'https://example.com/callback',
  'time-zone': 'UTC',
  id64: '1',
}
const TEXTS = ['LOCAL', '1', 'a', 'https://example.com', '13800000000', 'whatever']

/** A small value that fits a schema: its example or default, the first of its alternatives, required fields only. */
export function sampleOf(schema: JsonSchema): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.examples?.length) return schema.examples[0]
  if (schema.default !== undefined) return schema.default
  if (schema.enum) return schema.enum[0]
  const [alternative] = schema.anyOf ?? schema.oneOf ?? []
  if (alternative) return sampleOf(alternative)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items ?? {}))
  if (type === 'object' || schema.properties) return sampleObject(schema)
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1
  if (type === 'boolean') return true
  return type === 'string' ? sampleText(schema) : null
}

function sampleObject({ properties = {}, required = [] }: JsonSchema): Record<string, unknown> {
  return Object.fromEntries(required.map((name) => [name, sampleOf(properties[name] ?? {})]))
}

function sampleText({ format = '', pattern, minLength = 0 }: JsonSchema): unknown {
  if (SAMPLES_BY_FORMAT[format] !== undefined) return SAMPLES_BY_FORMAT[format]
  const fits = TEXTS.find((text) => pattern === undefined || new RegExp(pattern, 'u').test(text))
  return (fits ?? '').padEnd(minLength, 'x')
}
