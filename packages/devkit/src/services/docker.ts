import { execFile } from 'node:child_process'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { type GuardedProcess, startGuarded } from './guarded-process.ts'
import { freePort } from './ports.ts'
import { type Progress, SERVICE_NAMES, type ServiceKind } from './service-kind.ts'
import { workspaceRoot } from './workspace.ts'

const run = promisify(execFile)

/** docker-compose.yml's own default; the port is open on 127.0.0.1 only. */
const MYSQL_PASSWORD = 'message_center'

/** Whether a Docker engine answers and its compose plugin is there. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    await run('docker', ['info'])
    await run('docker', ['compose', 'version'])
    return true
  } catch {
    // Not installed, not running, not allowed: no engine for us, whatever the reason.
    return false
  }
}

export interface DockerServices {
  urls: Record<ServiceKind, string>
  process: GuardedProcess
}

/**
 * Brings up the services of docker-compose.yml on free ports. A guarded `docker compose logs` stands for them: when it
 * is stopped, or this process dies, its guard stops the containers.
 * @param keepData `false` also removes the volumes at the end
 */
export async function startWithDocker(
  kinds: ServiceKind[],
  options: { dataDir: string; keepData: boolean; progress: Progress },
): Promise<DockerServices> {
  const project = projectName(options.dataDir)
  const ports = { mysql: await freePort(), redis: await freePort() }
  const compose = ['compose', '--project-name', project, '--file', join(workspaceRoot, 'docker-compose.yml')]
  options.progress(`Docker: ${kinds.map((kind) => SERVICE_NAMES[kind]).join(' and ')} in the project ${project} …`)
  const end = options.keepData ? ['stop'] : ['down', '--volumes']
  const env = { ...process.env, MYSQL_PORT: String(ports.mysql), REDIS_PORT: String(ports.redis), MYSQL_PASSWORD }
  try {
    await run('docker', [...compose, 'up', '--detach', '--wait', ...kinds], { env })
  } catch (error) {
    await run('docker', [...compose, ...end], { env })
    throw new Error(`docker compose up failed: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
  const guarded = await startGuarded({
    name: 'Docker services',
    command: 'docker',
    args: [...compose, 'logs', '--follow', '--no-color'],
    env,
    log: join(options.dataDir, 'logs', 'docker.log'),
    afterwards: { command: 'docker', args: [...compose, ...end] },
  })
  const urls = {
    mysql: `mysql://root:${MYSQL_PASSWORD}@127.0.0.1:${ports.mysql}/message_center`,
    redis: `redis://127.0.0.1:${ports.redis}/0`,
  }
  return { urls, process: guarded }
}

/** One project per data folder: `.data` keeps its volumes, a test run has its own. */
function projectName(dataDir: string): string {
  const suffix = basename(dataDir).replaceAll(/[^a-z0-9-]/g, '')
  return suffix === 'data' ? 'message-center' : `message-center-${suffix}`
}
