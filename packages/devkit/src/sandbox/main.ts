import { startSandbox } from './start.ts'

/** The sandbox as a process of its own: `SANDBOX_HOST` (127.0.0.1), `SANDBOX_PORT` (4010). */
async function main(): Promise<void> {
  const host = process.env.SANDBOX_HOST || '127.0.0.1'
  const port = Number(process.env.SANDBOX_PORT || 4010)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`SANDBOX_PORT must be a port number, not "${process.env.SANDBOX_PORT}"`)
  }
  const sandbox = await startSandbox({ host, port })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      sandbox.stop().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      )
    })
  }
  const { url } = sandbox
  const line = { msg: 'sandbox listening', url, dingtalk: `${url}/dingtalk`, wecom: `${url}/wecom` }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function fail(error: unknown): never {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

main().catch(fail)
