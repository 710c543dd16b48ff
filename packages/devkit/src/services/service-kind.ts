/** The two services that the message center needs. */
export type ServiceKind = 'mysql' | 'redis'

export const SERVICE_NAMES: Record<ServiceKind, string> = { mysql: 'MySQL', redis: 'Redis' }

/** Takes one line for people: what is being done. */
export type Progress = (line: string) => void
