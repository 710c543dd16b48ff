import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NewClient } from '@message-center/core/contracts/clients.ts'
import { generate } from 'selfsigned'
import { buildJava, LOOPBACK_NAME, missingForJava, startJava } from '../interop/java.ts'
import { killUnderLoad } from '../interop/kill-under-load.ts'
import { checkPythonClient } from '../interop/python.ts'
import { freePort } from '../services/ports.ts'
import { say } from '../services/progress.ts'
import { startServices } from '../services/services.ts'
import { createTestDataDir } from '../testing/test-data-dir.ts'
import { startTestSystem, type TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'

const THREADS = '64'
const ROUNDS = '10'

/** `npm run test:interop`: the real Java Dubbo client and a Python gRPC client against this system's RPC port. */
async function main(): Promise<number> {
  const missing = missingForJava()
  if (missing !== undefined) {
    say(
      `npm run test:interop needs ${missing}, which is not on this machine (Debian: apt-get install openjdk-17-jdk-headless maven)`,
    )
    return 1
  }
  buildJava()
  const folder = createTestDataDir()
  const services = await startServices({ dataDir: folder.path, progress: say, keepData: false })
  const system = await startTestSystem({ ...services, apis: 0, workers: 0 })
  try {
    return await check(system, folder.path)
  } finally {
    await system.stop()
    await services.stop()
    folder.remove()
  }
}

async function check(system: TestSystem, folder: string): Promise<number> {
  const port = await freePort()
  const startApi = (rpcPort: number) => system.startApi({ RPC_PORT: String(rpcPort) })
  const api = await startApi(port)
  const { body: client } = await system.caller()<NewClient>('POST', '/api/clients', { name: 'java', roles: ['sender'] })
  const checked = await runChecks(folder, 'Interop', [`${LOOPBACK_NAME}:${port}`, system.token(), client.rpcToken])
  if (!checked) return 1
  if (!(await checkSecured(system, folder, client.rpcToken))) return 1
  checkPythonClient(`127.0.0.1:${port}`, client.rpcToken)

  await compare(folder, port, client.rpcToken)
  await api.stop()
  await system.startWorker()
  const killed = await killUnderLoad(system, folder, [await freePort(), await freePort()], startApi)
  say(`ok      an API is killed under load: ${killed}`)
  return 0
}

/** Settings that Dubbo's client (3.3.6) takes from its environment alone. */
const PACKING_AND_SILENT_OF_1_0_0 = {
  DUBBO_RPC_TRI_COMPRESSOR: 'gzip',
  DUBBO_RPC_TRI_IGNORE_1_0_0_VERSION: 'true',
}

/** Through TLS, of a service with a group and a version. */
async function checkSecured(system: TestSystem, folder: string, token: string): Promise<boolean> {
  const port = await freePort()
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  const made = await generate([{ name: 'commonName', value: LOOPBACK_NAME }])
  writeFileSync(certificate, made.cert)
  writeFileSync(key, made.private)
  const [group, version] = ['orders', '2.0.0']
  const tls = { RPC_TLS_CERT: certificate, RPC_TLS_KEY: key }
  const api = await system.startApi({ RPC_PORT: String(port), RPC_GROUP: group, RPC_VERSION: version, ...tls })
  try {
    const args = [`${LOOPBACK_NAME}:${port}`, token, certificate, key, group, version]
    return await runChecks(folder, 'Secured', args, PACKING_AND_SILENT_OF_1_0_0)
  } finally {
    await api.stop()
  }
}

/** @returns whether all checks of a main class passed */
async function runChecks(
  folder: string,
  mainClass: string,
  args: string[],
  variables?: Record<string, string>,
): Promise<boolean> {
  const checks = startJava(folder, mainClass, args, variables)
  const passed = (await checks.exited) === 0
  say(checks.output().replace(/^(?:Dubbo:|No such logging).*\n/gm, ''))
  return passed
}

/** Durable acceptance here against a Java provider that only answers, by the same client. */
async function compare(folder: string, port: number, token: string): Promise<void> {
  const providerPort = await freePort()
  const provider = startJava(folder, 'Provider', [String(providerPort)])
  try {
    await until('the Java provider', () => provider.output().includes('provider is ready'))
    const addresses = [port, providerPort].map((each) => `${LOOPBACK_NAME}:${each}`)
    const comparing = startJava(folder, 'Compare', [...addresses, token, THREADS, ROUNDS])
    if ((await comparing.exited) !== 0) throw new Error(`the load failed:\n${comparing.output()}`)
    const { first, second } = JSON.parse(comparing.output().trimEnd().split('\n').at(-1) ?? '{}')
    say(
      `calls a second by ${THREADS} Java threads: ${first} durable here, ${second} by a Java provider that only answers`,
    )
    say(`ratio ${(first / second).toFixed(2)}`)
  } finally {
    provider.stop()
  }
}

process.exitCode = await main()
