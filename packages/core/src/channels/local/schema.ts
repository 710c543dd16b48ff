import { type Static, Type } from 'typebox'

/** `configJson` of a LOCAL config. */
export const LocalConfig = Type.Object(
  {
    recipients: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
        maxItems: 1000,
        description: 'User ids, used when the message names none; templates such as ${userId} are filled with its data',
        examples: [['${userId}']],
      }),
    ),
  },
  { additionalProperties: false },
)
export type LocalConfig = Static<typeof LocalConfig>
