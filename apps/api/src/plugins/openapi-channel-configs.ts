import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'

export type Schema = Record<string, unknown>
type Schemas = Record<string, Schema>

/** The part of an OpenAPI document that is looked at here. */
export interface ApiDocument {
  paths?: Record<string, Record<string, DocumentedOperation>>
  components?: { schemas?: Schemas }
}

interface DocumentedOperation {
  requestBody?: { required?: boolean; content: Content }
  responses: Record<string, { content?: Content }>
}
type Content = Record<string, { schema: Schema }>

const COLLECTION = '/api/channel-configs'
const INPUT = 'ChannelConfigInput'

/**
 * Shows the body of a channel config by channel type, and its `configJson` by mode: one schema each, told apart by
 * `channelType` and `mode`. They follow from the registered adapters. (The service checks the body by its own schema
 * first and then `configJson` by the adapter's.)
 */
export function documentChannelConfigs(document: ApiDocument, registry: ChannelRegistry): void {
  const media = [document.paths?.[COLLECTION]?.post, document.paths?.[`${COLLECTION}/{id}`]?.put].flatMap(
    (operation) => operation?.requestBody?.content['application/json'] ?? [],
  )
  const [first] = media
  if (!first) return
  const { description, ...input } = first.schema
  const schemas: Schemas = {}
  const byType: Record<string, string> = {}
  for (const [type, { adapter }] of registry) {
    const configJson = settingsSchema(schemas, type, adapter.configSchema)
    const name = `${INPUT}.${type}`
    schemas[name] = inputSchema(input, { type, title: `${type} ${adapter.displayName}`, configJson })
    byType[type] = refTo(name)
  }
  schemas[INPUT] = { description, ...discriminated('channelType', byType) }
  for (const each of media) each.schema = { $ref: refTo(INPUT) }
  document.components = { ...document.components, schemas: { ...document.components?.schemas, ...schemas } }
}

/** The body's schema narrowed to one channel type. */
function inputSchema(input: Schema, { type, title, configJson }: { type: string; title: string; configJson: Schema }) {
  const properties = input.properties as Record<string, Schema>
  return {
    ...input,
    title,
    properties: {
      ...properties,
      channelType: { type: 'string', const: type },
      configJson: {
        description: `Settings of the channel; a string holding this object is accepted too`,
        ...configJson,
      },
    },
  }
}

/** Adds the schemas of an adapter's settings, one per mode where they say that they have modes; returns a reference to them. */
function settingsSchema(schemas: Schemas, type: string, configSchema: object): Schema {
  const plain: Schema = JSON.parse(JSON.stringify(configSchema))
  const modes = modesOf(plain)
  const name = `${type}.configJson`
  if (!modes) {
    schemas[name] = plain
    return { $ref: refTo(name) }
  }
  const byMode: Record<string, string> = {}
  for (const { mode, schema } of modes) {
    schemas[`${name}.${mode}`] = schema
    byMode[mode] = refTo(`${name}.${mode}`)
  }
  return discriminated('mode', byMode)
}

/** The alternatives of a schema by the constant that each has as its `mode`; nothing where not all have one. */
function modesOf({ oneOf, anyOf }: Schema): { mode: string; schema: Schema }[] | undefined {
  const alternatives = (oneOf ?? anyOf) as Schema[] | undefined
  const modes = alternatives?.flatMap((schema) => {
    const mode = (schema.properties as Record<string, Schema> | undefined)?.mode?.const
    return typeof mode === 'string' ? [{ mode, schema }] : []
  })
  return modes?.length === alternatives?.length ? modes : undefined
}

function discriminated(propertyName: string, mapping: Record<string, string>): Schema {
  const refs = Object.values(mapping).map(($ref) => ({ $ref }))
  return { oneOf: refs, discriminator: { propertyName, mapping } }
}

function refTo(name: string): string {
  return `#/components/schemas/${name}`
}
