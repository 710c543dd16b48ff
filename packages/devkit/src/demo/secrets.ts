import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Environment variables that a real deployment sets and the demo makes up. */
export interface DemoSecrets {
  JWT_SECRET: string
  CONFIG_ENCRYPTION_KEYS: string
  OPS_USER: string
  OPS_PASSWORD: string
}

/**
 * The demo's secrets: made on first use and kept in `file` (mode 600), for they open what the database holds. What the
 * environment sets wins.
 */
export function demoSecrets(file: string, environment: NodeJS.ProcessEnv): DemoSecrets {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `${JSON.stringify(freshSecrets(), null, 2)}\n`, { mode: 0o600 })
  }
  const kept: DemoSecrets = JSON.parse(readFileSync(file, 'utf8'))
  return {
    JWT_SECRET: environment.JWT_SECRET || kept.JWT_SECRET,
    CONFIG_ENCRYPTION_KEYS: environment.CONFIG_ENCRYPTION_KEYS || kept.CONFIG_ENCRYPTION_KEYS,
    OPS_USER: environment.OPS_USER || kept.OPS_USER,
    OPS_PASSWORD: environment.OPS_PASSWORD || kept.OPS_PASSWORD,
  }
}

function freshSecrets(): DemoSecrets {
  return {
    JWT_SECRET: randomBytes(48).toString('base64url'),
    CONFIG_ENCRYPTION_KEYS: `demo1:${randomBytes(32).toString('base64')}`,
    OPS_USER: 'ops',
    OPS_PASSWORD: randomBytes(12).toString('base64url'),
  }
}
