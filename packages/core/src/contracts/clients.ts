import { type Static, Type } from 'typebox'
import { ROLES } from './caller.ts'
import { FlagInput } from './channel-configs.ts'
import { IdInput, IdOutput } from './ids.ts'
import { PageQuery } from './pages.ts'

const ClientRoles = Type.Array(Type.Enum(ROLES), {
  minItems: 1,
  maxItems: ROLES.length,
  uniqueItems: true,
  description: 'What its tokens may do; none that the caller does not have',
  examples: [['sender']],
})

/** Body of POST and PUT /api/clients. */
export const ClientInput = Type.Object(
  {
    tenantId: Type.Optional(IdInput),
    name: Type.String({ minLength: 1, maxLength: 64, description: 'For people', examples: ['order-service'] }),
    roles: ClientRoles,
    enabled: Type.Optional(FlagInput),
  },
  { additionalProperties: false, title: 'ClientInput' },
)
export type ClientInput = Static<typeof ClientInput>

/** An API client as answered: never its secret. */
export const Client = Type.Object(
  {
    id: IdOutput,
    tenantId: IdOutput,
    clientId: Type.String({ description: 'What it logs in with' }),
    name: Type.String(),
    roles: Type.Array(Type.Enum(ROLES)),
    enabled: Type.Boolean(),
    lastUsedTime: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'Its last log-in, to the minute',
    }),
    createTime: Type.String({ format: 'date-time' }),
    updateTime: Type.String({ format: 'date-time' }),
  },
  { title: 'Client' },
)
export type Client = Static<typeof Client>

/** The answer to a client's creation: the only one that holds its secret. */
export const NewClient = Type.Object(
  {
    ...Client.properties,
    clientSecret: Type.String({ description: 'Shown this once; the service keeps only its hash' }),
    rpcToken: Type.String({
      description: 'Id and secret as one text, shown this once: the `token` of a Dubbo consumer',
    }),
  },
  { title: 'NewClient' },
)
export type NewClient = Static<typeof NewClient>

export const ClientFilters = Type.Object(
  { ...PageQuery, enabled: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
)
export type ClientFilters = Static<typeof ClientFilters>

/** Body of POST /api/auth/token. */
export const LogIn = Type.Object(
  {
    clientId: Type.String({ minLength: 1, maxLength: 128 }),
    clientSecret: Type.String({ minLength: 1, maxLength: 256 }),
  },
  { additionalProperties: false, title: 'LogIn' },
)
export type LogIn = Static<typeof LogIn>

export const IssuedToken = Type.Object(
  {
    token: Type.String({ description: 'For `Authorization: Bearer …`' }),
    expiresIn: Type.Integer({ description: 'Seconds', examples: [3600] }),
  },
  { title: 'IssuedToken' },
)
