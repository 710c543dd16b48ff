import { type Static, Type } from 'typebox'
import { IdOutput } from './ids.ts'
import { PageQuery } from './pages.ts'

const AUDIT_ACTIONS = ['CREATE', 'UPDATE', 'DELETE', 'RETRY', 'CANCEL', 'RECALL'] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

const AUDIT_OBJECT_TYPES = [
  'CHANNEL_CONFIG',
  'TEMPLATE',
  'SYSTEM_CONFIG',
  'CLIENT',
  'CALLBACK_SECRET',
  'MESSAGE',
] as const
export type AuditObjectType = (typeof AUDIT_OBJECT_TYPES)[number]

const ObjectState = Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()])
const OptionalText = Type.Union([Type.String(), Type.Null()])

/** One entry of the audit trail. */
export const AuditLogEntry = Type.Object(
  {
    id: IdOutput,
    tenantId: IdOutput,
    actor: Type.String({ description: "The `sub` of the caller's token" }),
    action: Type.Enum(AUDIT_ACTIONS),
    objectType: Type.Enum(AUDIT_OBJECT_TYPES),
    objectId: Type.String({ description: 'The id; the key of a system config; the messageId' }),
    before: Type.Unsafe<object | null>({
      ...ObjectState,
      description: 'As the API answered it, of a message its status; null before a CREATE',
    }),
    after: Type.Unsafe<object | null>({
      ...ObjectState,
      description: 'As the API answers it, of a message what was done; null after a DELETE',
    }),
    changedFields: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description:
        'Where there is a before and an after: dotted paths of what changed, secrets among them (their values are masked)',
    }),
    requestId: OptionalText,
    ip: OptionalText,
    createTime: Type.String({ format: 'date-time' }),
  },
  { title: 'AuditLogEntry' },
)
export type AuditLogEntry = Static<typeof AuditLogEntry>

/** Filters of GET /api/audit-logs. */
export const AuditLogFilters = Type.Object(
  {
    objectType: Type.Optional(Type.Enum(AUDIT_OBJECT_TYPES)),
    objectId: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    actor: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    createdFrom: Type.Optional(Type.String({ format: 'date-time', description: 'Inclusive' })),
    createdTo: Type.Optional(Type.String({ format: 'date-time', description: 'Inclusive' })),
    ...PageQuery,
  },
  { additionalProperties: false },
)
export type AuditLogFilters = Static<typeof AuditLogFilters>
