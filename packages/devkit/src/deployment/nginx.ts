import { spawnSync } from 'node:child_process'
import { chmodSync, closeSync, cpSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deployFolder } from '../monitoring/monitoring-files.ts'
import { type GuardedProcess, startGuarded } from '../services/guarded-process.ts'
import { logTail } from '../services/log-tail.ts'
import { opsTool } from '../services/ops-tools.ts'
import { freePort } from '../services/ports.ts'
import { untilReady } from '../services/private-server.ts'

const READY_TIMEOUT_MS = 30_000

/** Who is asked, as `host:port`. */
export interface Upstreams {
  api_stable: string[]
  rpc_stable: string[]
  api_canary: string[]
  rpc_canary: string[]
}

export interface RunningNginx {
  /** Its HTTP, TLS and RPC servers. */
  url: string
  tlsUrl: string
  rpcUrl: string
  /** Its copy of deploy/nginx. */
  config: string
  log: string
  /** Runs deploy/canary.sh on it. @returns what it prints */
  canary(...args: string[]): string
  /** Other servers from now on, or, without a reload, from the next one on. */
  ask(upstreams: Upstreams, options?: { reload: boolean }): void
  stop(): Promise<unknown>
}

/** The same servers on both sides: no canary is under way. */
export function noCanary(api: string[], rpc: string[]): Upstreams {
  return { api_stable: api, rpc_stable: rpc, api_canary: api, rpc_canary: rpc }
}

/**
 * An nginx with the very files of deploy/nginx; only the servers, the ports and the folder it writes to are the test's.
 * @param folder for its copy of the files, its log and what it writes
 * @param certificate for its TLS server, PEM
 */
export async function startNginx(
  folder: string,
  upstreams: Upstreams,
  certificate: { cert: string; private: string },
): Promise<RunningNginx> {
  const config = join(folder, 'nginx')
  cpSync(join(deployFolder, 'nginx'), config, { recursive: true })
  mkdirSync(join(folder, 'written'))
  // Started by root, its workers are somebody else.
  chmodSync(folder, 0o755)
  chmodSync(join(folder, 'written'), 0o777)
  mkdirSync(join(config, 'tls'))
  writeFileSync(join(config, 'tls/server.pem'), certificate.cert)
  writeFileSync(join(config, 'tls/server-key.pem'), certificate.private, { mode: 0o600 })
  const [http, tls, rpc] = [await freePort(), await freePort(), await freePort()]
  const replacements: [RegExp, string][] = [
    [/\/tmp\//g, `${join(folder, 'written')}/`],
    [/# (include tls\.conf;)/, '$1'],
    [/listen 8080;/, `listen 127.0.0.1:${http};`],
    [/listen 8443 ssl/, `listen 127.0.0.1:${tls} ssl`],
    [/listen 50051 /, `listen 127.0.0.1:${rpc} `],
  ]
  for (const name of ['nginx.conf', 'tls.conf']) {
    const file = join(config, name)
    writeFileSync(
      file,
      replacements.reduce((text, [pattern, by]) => text.replace(pattern, by), readFileSync(file, 'utf8')),
    )
  }
  writeUpstreams(config, upstreams)

  const command = [opsTool('nginx'), '-c', join(config, 'nginx.conf'), '-e', join(folder, 'start.log')]
  const log = join(folder, 'nginx.log')
  const guarded: GuardedProcess = await startGuarded({
    name: 'nginx',
    command: command[0] ?? '',
    args: [...command.slice(1), '-g', 'daemon off;'],
    log,
  })
  const url = `http://127.0.0.1:${http}`
  const answers = async () => (await fetch(`${url}/nginx-health`).catch(() => undefined))?.ok === true
  if ((await untilReady(answers, guarded.exited, READY_TIMEOUT_MS)) !== 'ready')
    throw new Error(`nginx does not answer; its log:\n${logTail(log)}`)
  /** Into a file: nginx opens /dev/stdout, which cannot be done with what Node reads from. */
  const run = (file: string, args: string[]): string => {
    const output = join(folder, 'output.log')
    const descriptor = openSync(output, 'w')
    const env = { ...process.env, NGINX_COMMAND: command.join(' '), NGINX_FOLDER: config }
    const { status } = spawnSync(file, args, { env, stdio: ['ignore', descriptor, descriptor] })
    closeSync(descriptor)
    const text = readFileSync(output, 'utf8').trim()
    if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${text}`)
    return text
  }
  return {
    url,
    tlsUrl: `https://127.0.0.1:${tls}`,
    rpcUrl: `http://127.0.0.1:${rpc}`,
    config,
    log,
    canary: (...args) => run(join(deployFolder, 'canary.sh'), args),
    ask(next, { reload } = { reload: true }) {
      writeUpstreams(config, next)
      if (reload) run(command[0] ?? '', [...command.slice(1), '-s', 'reload'])
    },
    stop: () => guarded.stop('SIGQUIT'),
  }
}

/** As deploy/nginx/upstreams.conf, which names docker-compose.yml's services. */
function writeUpstreams(config: string, upstreams: Upstreams): void {
  const blocks = Object.entries(upstreams).map(([name, servers]) => {
    const lines = servers.map((server: string) => `  server ${server} max_fails=2 fail_timeout=5s;`)
    return [`upstream ${name} {`, ...lines, '}'].join('\n')
  })
  writeFileSync(join(config, 'upstreams.conf'), `${blocks.join('\n')}\n`)
}
