import { Ajv, type ErrorObject } from 'ajv'
import type { TSchema } from 'typebox'
import type { ErrorDetail } from './errors.ts'
import { addFormats, FORMAT_TEXTS } from './formats.ts'

// allErrors stays off: a hostile body must not be able to ask for thousands of error objects.
const ajv = new Ajv({ strict: true, strictTypes: false, allowUnionTypes: true, discriminator: true })
addFormats(ajv)
// Examples with names, for Swagger UI.
ajv.addKeyword('x-examples')

/** For query strings and path parameters, where everything arrives as text: converts in place and fills in defaults. */
const coercingAjv = new Ajv({ strict: true, strictTypes: false, coerceTypes: true, useDefaults: true })
addFormats(coercingAjv)

/** Checks a value; an empty list means that it fits. */
export type Validator = (value: unknown) => ErrorDetail[]

/**
 * Compiles a TypeBox or JSON Schema.
 * @throws Error where the schema itself is not valid
 */
export function compileValidator(schema: TSchema | Record<string, unknown>): Validator {
  return validatorOf(ajv, schema)
}

/** Like `compileValidator`, but for an object whose fields are texts: converts them to the schema's types in place. */
export function compileCoercingValidator(schema: TSchema | Record<string, unknown>): Validator {
  const validate = validatorOf(coercingAjv, schema)
  const integers = integerFields(schema)
  return (value) => {
    const fields = Object(value) as Record<string, unknown>
    // ajv would convert ' 1', '0x10' and '1e2' as well.
    const odd = integers.find((field) => typeof fields[field] === 'string' && !/^-?\d+$/.test(fields[field]))
    return odd === undefined ? validate(value) : [{ path: odd, message: 'must be integer' }]
  }
}

function integerFields({ properties }: { properties?: unknown }): string[] {
  const fields = Object.entries((properties ?? {}) as Record<string, { type?: unknown }>)
  return fields.filter(([, { type }]) => type === 'integer').map(([name]) => name)
}

function validatorOf(instance: Ajv, schema: TSchema | Record<string, unknown>): Validator {
  const validate = instance.compile(schema)
  return (value) => (validate(value) ? [] : readableErrors(validate.errors ?? []))
}

/** One entry per field; where no branch of a union fits, what is wrong with the one that was meant, else all as one line. */
function readableErrors(errors: ErrorObject[]): ErrorDetail[] {
  // The outermost comes last.
  const union = errors.findLast(isUnion)
  if (!union) return errors.map(detailOf)
  const branches = errors.filter((error) => !isUnion(error))
  const meant = branches.filter((error) => !saysOtherKind(error, union))
  if (meant[0] && meant.length < branches.length) return [detailOf(meant[0])]
  return [{ path: dotted(union.instancePath), message: unionMessage(union, branches) }]
}

function isUnion({ keyword }: ErrorObject): boolean {
  return keyword === 'anyOf' || keyword === 'oneOf'
}

/** Only that the value is of another kind than the branch: another one was meant. */
function saysOtherKind({ keyword, instancePath }: ErrorObject, union: ErrorObject): boolean {
  return instancePath === union.instancePath && (keyword === 'type' || keyword === 'const')
}

function unionMessage(union: ErrorObject, branches: ErrorObject[]): string {
  const constants = branches.flatMap((error) => (error.keyword === 'const' ? [String(error.params.allowedValue)] : []))
  const deeper = branches.filter((error) => error.instancePath !== union.instancePath)
  if (deeper[0]) return `${dotted(deeper[0].instancePath)} ${messageOf(deeper[0])}`
  if (constants.length > 0 && constants.length === branches.length) return `must be one of ${constants.join(', ')}`
  return [...new Set(branches.map((error) => messageOf(error)))].join(' or ')
}

function detailOf(error: ErrorObject): ErrorDetail {
  return { path: pathOf(error), message: messageOf(error) }
}

/** Dotted path of the offending field from an ajv error; the missing or surplus field itself is named. */
function pathOf(error: ErrorObject): string {
  const base = dotted(error.instancePath)
  const field = error.params.missingProperty ?? error.params.additionalProperty
  if (field === undefined) return base
  return base === '' ? String(field) : `${base}.${field}`
}

function messageOf(error: ErrorObject): string {
  if (error.keyword === 'required') return 'is required'
  if (error.keyword === 'additionalProperties') return 'is not a known field'
  if (error.keyword === 'const') return `must be ${JSON.stringify(error.params.allowedValue)}`
  if (error.keyword === 'enum') return `must be one of ${error.params.allowedValues.join(', ')}`
  if (error.keyword === 'format') return FORMAT_TEXTS[error.params.format] ?? `must be a ${error.params.format}`
  return error.message ?? 'is not valid'
}

function dotted(instancePath: string): string {
  return instancePath.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~')
}
