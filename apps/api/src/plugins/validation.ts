import { AppError } from '@message-center/core/contracts/errors.ts'
import { compileCoercingValidator, compileValidator } from '@message-center/core/contracts/validator.ts'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { TSchema } from 'typebox'

/** Bodies are taken as they are; query strings and paths, which arrive as text, are converted. */
export const validationPlugin = fp(
  async (app: FastifyInstance) => {
    app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
      const validate = httpPart === 'body' ? compileValidator(schema) : compileCoercingValidator(schema)
      return (value) => {
        const details = validate(value)
        const [first] = details
        if (!first) return { value }
        const message = first.path ? `${first.path} ${first.message}` : `${httpPart} ${first.message}`
        return { error: new AppError('VALIDATION_FAILED', message, { details }) }
      }
    })
    // An error of the validator is already what the caller is told.
    app.setSchemaErrorFormatter((errors) => errors as unknown as Error)
  },
  { name: 'validation' },
)
