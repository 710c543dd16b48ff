/** A bad environment: `message` is one line that names the variable. */
export class EnvError extends Error {
  override readonly name = 'EnvError'
}

export type Variables = Record<string, string | undefined>

/** Reads variables by kind; each of its functions throws an EnvError that names the variable. */
export function readers(variables: Variables) {
  const text = (name: string): string | undefined => variables[name]?.trim() || undefined
  const required = (name: string): string => {
    const value = text(name)
    if (value === undefined) throw new EnvError(`${name} is missing`)
    return value
  }
  const list = (name: string): string[] =>
    (text(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  const integer = (name: string, fallback: number, min: number, max: number): number => {
    const value = text(name)
    if (value === undefined) return fallback
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < min || number > max) {
      throw new EnvError(`${name} must be an integer from ${min} to ${max}, not '${value}'`)
    }
    return number
  }
  const oneOf = <const T extends string>(name: string, allowed: readonly T[], fallback: T): T => {
    const value = text(name)
    if (value === undefined) return fallback
    const found = allowed.find((candidate) => candidate === value)
    if (found === undefined) throw new EnvError(`${name} must be one of ${allowed.join(', ')}, not '${value}'`)
    return found
  }
  const url = (name: string, protocols: string[]): string | undefined => {
    const value = text(name)
    if (value === undefined) return undefined
    // The value itself is not repeated: URLs carry passwords.
    if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol)) {
      throw new EnvError(`${name} must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`)
    }
    return value
  }
  return { text, required, list, integer, oneOf, url }
}
