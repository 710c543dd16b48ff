import { sql } from 'drizzle-orm'
import { customType, datetime } from 'drizzle-orm/mysql-core'

/** BIGINT as a string of digits: Java longs and snowflakes do not fit a JavaScript number. */
export const bigintString = customType<{ data: string; driverData: string }>({ dataType: () => 'bigint' })

/** TEXT holding JSON that must come back with the very digits it went in with. */
export const jsonText = customType<{ data: string; driverData: string }>({ dataType: () => 'json' })

/** Message ids and other identifiers of ASCII only, compared byte by byte (message ids are case-sensitive). */
export const asciiBin = customType<{ data: string; driverData: string; config: { length: number } }>({
  dataType: (config) => `varchar(${config?.length ?? 64})`,
})

/** DATETIME with milliseconds, in UTC. */
export const datetimeMs = (name: string) => datetime(name, { mode: 'date', fsp: 3 })
/** DATETIME in whole seconds, in UTC; the driver rounds up from .5, so cut the milliseconds before writing. */
export const datetimeSeconds = (name: string) => datetime(name, { mode: 'date' })

/** CHAR of ASCII, for values that are always as long. */
export const asciiFixed = customType<{ data: string; driverData: string; config: { length: number } }>({
  dataType: (config) => `char(${config?.length ?? 64})`,
})

/** `create_time`, `update_time`: the database fills them in. */
export const stampedSeconds = (name: string) => datetimeSeconds(name).notNull().default(sql`CURRENT_TIMESTAMP`)
/** As `stampedSeconds`, with milliseconds. */
export const stampedMs = (name: string) => datetimeMs(name).notNull().default(sql`CURRENT_TIMESTAMP(3)`)
/** `id BIGINT AUTO_INCREMENT`. */
export const autoId = () => bigintString('id').notNull().default(sql`DEFAULT`)
