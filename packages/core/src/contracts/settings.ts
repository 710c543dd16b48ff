import { type Static, Type } from 'typebox'

/** A dynamic setting as `/api/system-configs` answers it. */
export const Setting = Type.Object(
  {
    key: Type.String(),
    value: Type.Unknown({ description: 'What holds now' }),
    defaultValue: Type.Unknown({ description: 'What holds where nobody set it' }),
    source: Type.Enum(['default', 'platform', 'tenant'] as const, { description: 'Where the value comes from' }),
    description: Type.String(),
  },
  { title: 'Setting' },
)
export type Setting = Static<typeof Setting>
