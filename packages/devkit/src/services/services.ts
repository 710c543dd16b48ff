import { join } from 'node:path'
import { canUseApt, installWithApt } from './apt.ts'
import { dockerAnswers, startWithDocker } from './docker.ts'
import { findMysql, findRedis } from './find-server.ts'
import type { ExitStatus } from './guard.ts'
import { installAdvice } from './install-advice.ts'
import { startMysql } from './mysql.ts'
import { startRedis } from './redis.ts'
import { type Progress, SERVICE_NAMES, type ServiceKind } from './service-kind.ts'

/** A process behind a service, to be watched. */
export interface ServiceProcess {
  readonly name: string
  readonly pid: number
  readonly log: string | undefined
  readonly exited: Promise<ExitStatus>
}

export interface Services {
  databaseUrl: string
  redisUrl: string
  /** What was started here; empty when both services were given. */
  processes: ServiceProcess[]
  /** Stops what was started here, Redis first, and waits. */
  stop(): Promise<void>
}

export interface ServicesOptions {
  /** Where private servers keep their data and logs. */
  dataDir: string
  progress: Progress
  /** Which of the two; both without it. */
  only?: ServiceKind[]
  /** `false`: nothing is to remain of the data (matters for Docker volumes; the folder is the caller's). */
  keepData?: boolean
}

interface Started {
  kind: ServiceKind
  url: string
  process?: ServiceProcess
  stop(): Promise<unknown>
}

const GIVEN = { mysql: 'DATABASE_URL', redis: 'REDIS_URL' } as const

/**
 * Finds MySQL and Redis in the order of the README: the environment's URLs, servers on this machine (private
 * instances), apt-get, Docker.
 * @throws Error that says what to install, or why a server did not come up
 */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { usable, missing } = await provideServers(options.progress, options.only)
  const started: Started[] = []
  const stop = async () => {
    for (const service of started.toReversed()) await service.stop()
  }
  try {
    for (const kind of usable) started.push(await startOne(kind, options))
    if (missing.length > 0) started.push(...(await startMissing(missing, options)))
  } catch (error) {
    await stop()
    throw error
  }
  const urlOf = (kind: ServiceKind) => started.find((service) => service.kind === kind)?.url ?? ''
  const processes = started.flatMap((service) => service.process ?? [])
  return { databaseUrl: urlOf('mysql'), redisUrl: urlOf('redis'), processes, stop }
}

/**
 * Makes sure that the services can be had, installing them where that is possible, without starting them.
 * @returns which are given or on this machine, and which only Docker can provide
 * @throws Error that says what to install
 */
export async function provideServers(
  progress: Progress,
  wanted: ServiceKind[] = ['mysql', 'redis'],
): Promise<{ usable: ServiceKind[]; missing: ServiceKind[] }> {
  let missing = await missingServers(wanted)
  if (missing.length > 0 && canUseApt()) {
    try {
      await installWithApt(missing, progress)
      missing = await missingServers(wanted)
    } catch (error) {
      // Docker may still help.
      progress(error instanceof Error ? error.message : String(error))
    }
  }
  if (missing.length > 0 && !(await dockerAnswers())) throw new Error(installAdvice(missing))
  return { usable: wanted.filter((kind) => !missing.includes(kind)), missing }
}

async function missingServers(wanted: ServiceKind[]): Promise<ServiceKind[]> {
  const missing: ServiceKind[] = []
  for (const kind of wanted) {
    const usable = process.env[GIVEN[kind]] || (kind === 'mysql' ? await findMysql() : await findRedis())
    if (!usable) missing.push(kind)
  }
  return missing
}

async function startOne(kind: ServiceKind, { dataDir, progress }: ServicesOptions): Promise<Started> {
  const given = process.env[GIVEN[kind]]
  if (given) {
    progress(`${SERVICE_NAMES[kind]}: the one of ${GIVEN[kind]}`)
    return { kind, url: given, stop: async () => {} }
  }
  const dir = join(dataDir, kind)
  const server = kind === 'mysql' ? await startMysql({ dir }) : await startRedis({ dir })
  const version = (kind === 'mysql' ? await findMysql() : await findRedis())?.version
  progress(`${server.name} ${version}: private, on 127.0.0.1:${server.port}, data in ${dir}`)
  return { kind, url: server.url, process: server, stop: () => server.stop() }
}

async function startMissing(kinds: ServiceKind[], options: ServicesOptions): Promise<Started[]> {
  const { urls, process } = await startWithDocker(kinds, { keepData: true, ...options })
  const stop = () => process.stop()
  return kinds.map((kind) => ({ kind, url: urls[kind], process, stop }))
}
