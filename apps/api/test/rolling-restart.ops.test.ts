import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findExecutable } from '@message-center/devkit/services/find-server.ts'
import { type GuardedProcess, startGuarded } from '@message-center/devkit/services/guarded-process.ts'
import { freePort } from '@message-center/devkit/services/ports.ts'
import type { TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { restartUnderLoad, startRestartableSystem } from './rolling-restart.ts'

const ROUNDS = 5
const GRACE_MS = 1_000

const nginx = findExecutable(['nginx'])
const folder = mkdtempSync(join(tmpdir(), 'rolling-nginx-'))
let system: TestSystem
let balancer: GuardedProcess | undefined
beforeAll(async () => {
  system = await startRestartableSystem(GRACE_MS)
})
afterAll(async () => {
  await balancer?.stop()
  await system.stop()
  rmSync(folder, { recursive: true, force: true })
})

/**
 * nginx does not ask for readiness (its commercial version does): it learns that a server goes by what fails. A connection that
 * it opens in the instant in which the listener closes is reset by the kernel; `non_idempotent` has it try the other server, which
 * is safe for calls with a `messageId`. `max_fails=0`: of two servers none is to be shunned.
 */
function nginxConfig(port: number, upstreams: readonly string[]): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  upstream api {
    ${upstreams.map((url) => `server ${new URL(url).host} max_fails=0;`).join(' ')}
    keepalive 32;
  }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream error timeout non_idempotent; }
  }
}`
}

test.skipIf(nginx === undefined)(
  `every process replaced ${ROUNDS} times under load behind nginx (skipped where there is none): no call fails, nothing is lost or sent twice`,
  async () => {
    const port = await freePort()
    const config = join(folder, 'nginx.conf')
    const upstreams = system.apis.map(({ url }) => url)
    writeFileSync(config, nginxConfig(port, upstreams))
    balancer = await startGuarded({
      name: 'nginx',
      command: nginx ?? '',
      args: ['-c', config, '-p', folder],
      log: join(folder, 'nginx.log'),
    })
    const told = await restartUnderLoad(system, ROUNDS, () => [`http://127.0.0.1:${port}`])
    console.log(`behind nginx: ${told}`)
    expect(told).toContain(`${ROUNDS * 4} processes replaced`)
  },
)
