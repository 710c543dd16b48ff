import { buildSandbox, type SandboxOptions } from './app.ts'
import { createSandboxClient, type SandboxClient } from './client.ts'

export interface RunningSandbox {
  /** e.g. `http://127.0.0.1:40123`; `<url>/dingtalk` and `<url>/wecom` are the providers' base URLs. */
  url: string
  client: SandboxClient
  /** Closes the listener and every open connection, hanging answers included. */
  stop(): Promise<void>
}

/** Starts a sandbox inside this process; by default on a free port of the loopback address. */
export async function startSandbox(
  options: SandboxOptions & { host?: string; port?: number } = {},
): Promise<RunningSandbox> {
  const app = buildSandbox(options)
  const url = await app.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 })
  return {
    url,
    client: createSandboxClient(url),
    async stop() {
      await app.close()
    },
  }
}
