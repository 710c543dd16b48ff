import { execFile } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { findExecutable } from './find-server.ts'
import type { Progress, ServiceKind } from './service-kind.ts'

const run = promisify(execFile)

const PACKAGES: Record<ServiceKind, string> = { mysql: 'default-mysql-server', redis: 'redis-server' }
const UNITS: Record<ServiceKind, string[]> = { mysql: ['mariadb', 'mysql'], redis: ['redis-server'] }
const POLICY = '/usr/sbin/policy-rc.d'

/** Whether this process may install Debian packages: Debian or Ubuntu, as root. */
export function canUseApt(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && findExecutable(['apt-get']) !== undefined
}

/** Installs the servers that are missing; see `installPackages`. */
export async function installWithApt(missing: ServiceKind[], progress: Progress): Promise<void> {
  await installPackages(
    missing.map((kind) => PACKAGES[kind]),
    progress,
    missing.flatMap((kind) => UNITS[kind]),
  )
}

/**
 * Installs Debian packages, without letting them start services.
 * @param units the services that they bring
 * @throws Error with apt's own output
 */
export async function installPackages(packages: string[], progress: Progress, units: string[] = []): Promise<void> {
  progress(`apt-get: installing ${packages.join(' and ')} …`)
  await withoutServiceStarts(async () => {
    await aptGet(['update', '-qq'])
    await aptGet(['install', '-y', '-qq', '--no-install-recommends', ...packages])
  })
  await disableUnits(units)
}

/** Packages ask policy-rc.d whether they may start their service; 101 is no. A policy that exists is the machine's own. */
async function withoutServiceStarts(work: () => Promise<void>): Promise<void> {
  if (existsSync(POLICY)) return await work()
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await work()
  } finally {
    rmSync(POLICY, { force: true })
  }
}

/** The packages also switch their services on for the next boot, and an existing policy may have let them start now. */
async function disableUnits(units: string[]): Promise<void> {
  if (!existsSync('/run/systemd/system')) return
  const installed = units.filter((unit) => existsSync(`/lib/systemd/system/${unit}.service`))
  if (installed.length > 0) await run('systemctl', ['disable', '--now', ...installed])
}

async function aptGet(args: string[]): Promise<void> {
  try {
    // Waits for another apt on the machine instead of failing on its lock.
    await run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l' },
      maxBuffer: 64 * 1024 * 1024,
    })
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
    throw new Error(`apt-get ${args.join(' ')} failed: ${output.trim() || error}`, { cause: error })
  }
}
