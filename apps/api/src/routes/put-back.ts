import { invalidField } from '@message-center/core/contracts/errors.ts'
import type { FastifyRequest } from 'fastify'
import type { TObject } from 'typebox'

/**
 * A `preValidation` hook of a PUT: what GET answers may be sent back, changed. Fields that only answers have are left aside;
 * one that is in the path, too, must be the same there.
 * @throws AppError VALIDATION_FAILED
 */
export function putBack(input: TObject, answer: TObject) {
  const onlyAnswered = Object.keys(answer.properties).filter((name) => !(name in input.properties))
  return async ({ body, params }: FastifyRequest): Promise<void> => {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return
    const fields = body as Record<string, unknown>
    for (const name of onlyAnswered) {
      const inPath = (params as Record<string, string>)[name]
      if (name in fields && inPath !== undefined && String(fields[name]) !== inPath)
        throw invalidField(name, `is not that of the path, ${inPath}`)
      delete fields[name]
    }
  }
}
