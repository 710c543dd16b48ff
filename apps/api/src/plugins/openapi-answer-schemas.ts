import type { ApiDocument, Schema } from './openapi-channel-configs.ts'

/**
 * Writes the schemas of answers that have a title once, under `components`, and refers to them: clients that are generated
 * from the document get one type for each, and the document is half as long.
 */
export function shareAnswerSchemas(document: ApiDocument): void {
  const schemas = { ...document.components?.schemas }
  for (const operation of Object.values(document.paths ?? {}).flatMap((methods) => Object.values(methods))) {
    for (const media of Object.values(operation.responses).flatMap(({ content = {} }) => Object.values(content))) {
      // What it says of the answer is the answer's own description already.
      const { description: _, ...schema } = media.schema
      media.schema = shared(schema, schemas) as Schema
    }
  }
  document.components = { ...document.components, schemas }
}

/** A copy in which schemas with a title are references; adds to `schemas` what they refer to. */
function shared(value: unknown, schemas: Record<string, Schema>): unknown {
  if (Array.isArray(value)) return value.map((item) => shared(item, schemas))
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, shared(child, schemas)]))
  const { title } = copy
  if (typeof title !== 'string' || !/^\w+$/.test(title)) return copy
  schemas[title] ??= copy
  // Another schema of the same title stays where it is.
  return JSON.stringify(schemas[title]) === JSON.stringify(copy) ? { $ref: `#/components/schemas/${title}` } : copy
}
