import { SERVICE_NAMES, type ServiceKind } from './service-kind.ts'

/** What a person can do about services that could not be found: per operating system, in one message. */
export function installAdvice(missing: ServiceKind[]): string {
  const names = missing.map((kind) => SERVICE_NAMES[kind]).join(' and ')
  const pick = (packages: Record<ServiceKind, string>) => missing.map((kind) => packages[kind]).join(' ')
  const variables = missing.map((kind) => (kind === 'mysql' ? 'DATABASE_URL' : 'REDIS_URL')).join(' and ')
  return [
    `${names} not found on this machine, and no Docker engine answers. Any one of these helps:`,
    `  Debian, Ubuntu   sudo apt-get install ${pick({ mysql: 'default-mysql-server', redis: 'redis-server' })}`,
    `  Fedora, RHEL     sudo dnf install ${pick({ mysql: 'mysql-server', redis: 'valkey' })}`,
    `  macOS            brew install ${pick({ mysql: 'mysql', redis: 'redis' })}`,
    '  any              start Docker (Docker Desktop, colima, dockerd)',
    `  elsewhere        set ${variables} to servers that run already`,
  ].join('\n')
}
