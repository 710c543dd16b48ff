import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { createSandboxClient } from './client.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

function start(port: string): ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream } {
  return spawn(process.execPath, [MAIN], {
    env: { ...process.env, SANDBOX_PORT: port },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

it('says where it listens and stops at once, hanging answers or not', async () => {
  const child = start('0')
  try {
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    const started: { url: string; dingtalk: string } = JSON.parse(line)
    expect(started).toMatchObject({ msg: 'sandbox listening', dingtalk: `${started.url}/dingtalk` })
    const client = createSandboxClient(started.url)
    await client.addFault({ fault: { kind: 'hang', deliver: true } })
    const hanging = fetch(`${started.dingtalk}/robot/send?access_token=t`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ msgtype: 'text', text: { content: 'hanging' } }),
    })
    const broken = expect(hanging).rejects.toThrow('fetch failed')
    await client.wait({ contains: 'hanging' })
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    await broken
  } finally {
    child.kill('SIGKILL')
  }
})

it('refuses a port that is none, in one line', async () => {
  const child = start('eighty')
  const [line] = await once(createInterface({ input: child.stderr }), 'line')
  expect(line).toBe('sandbox: SANDBOX_PORT must be a port number, not "eighty"')
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode]
  expect(code).toBe(1)
})
