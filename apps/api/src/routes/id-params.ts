import { IdText } from '@message-center/core/contracts/ids.ts'
import { Type } from 'typebox'

/** `/{id}` of a table's row. */
export const IdParams = Type.Object({ id: { ...IdText, examples: ['1'] } })
