import { Type } from 'typebox'

/** `/{id}` of a table's row. */
export const IdParams = Type.Object({ id: Type.String({ pattern: '^[0-9]{1,19}$', description: '64-bit id' }) })
