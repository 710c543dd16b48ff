import type { Tagged } from '@message-center/core/configs/etag.ts'
import type { FastifyReply } from 'fastify'
import { type TSchema, Type } from 'typebox'

/** Request headers of a call that changes an object. */
export const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      maxLength: 1024,
      description:
        'The `ETag` of the state that the change is meant for: 412 where somebody has changed it since. Without it the last one wins',
    }),
  ),
})

const EtagHeader = { ETag: Type.String({ description: 'Stands for this state of the object; for `If-Match`' }) }

/** The schema of an answer that carries an ETag. */
export function withEtag<Schema extends TSchema>(schema: Schema): Schema {
  return { ...schema, headers: EtagHeader }
}

/** Puts the ETag on the answer and returns its body. */
export function tagAnswer<T>(reply: FastifyReply, { object, etag }: Tagged<T>): T {
  reply.header('etag', etag)
  return object
}
