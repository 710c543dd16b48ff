/** An object of a Java class: the name is told and compared, never loaded. */
export interface JavaObject {
  className: string
  fields: Map<string, unknown>
}

/** A bound that a Hessian text broke, or bytes that are none. `message` is meant for the caller. */
export class HessianError extends Error {
  override readonly name = 'HessianError'
}

export function isJavaObject(value: unknown): value is JavaObject {
  return typeof value === 'object' && value !== null && 'className' in value && 'fields' in value
}
