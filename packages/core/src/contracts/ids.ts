import { Type } from 'typebox'

const MAX_ID = 2n ** 63n - 1n

/** A 64-bit id as a string of digits: the only form in a query string or a path. */
export const IdText = Type.String({ pattern: '^[0-9]{1,19}$', format: 'id64', description: '64-bit id' })

/** A 64-bit id as callers may write it: a string of digits or a safe integer (proto3 JSON mapping). */
export const IdInput = Type.Union([IdText, Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })], {
  description: '64-bit id: a string of digits, or an integer up to 2^53-1',
  examples: ['1'],
})

/** A 64-bit id as answers carry it. */
export const IdOutput = Type.String({ description: '64-bit id as a string of digits', examples: ['1'] })

/**
 * The canonical form of an id that matched `IdInput` ('007' and 7 → '7').
 * @returns undefined where it exceeds a signed 64-bit integer
 */
export function normalizeId(value: string | number): string | undefined {
  const id = BigInt(value)
  return id <= MAX_ID ? id.toString() : undefined
}
