import { afterAll, beforeEach } from 'vitest'
import { type RunningSandbox, startSandbox } from './start.ts'

/** A sandbox for one test file, and the plain HTTP calls that tests make to it. */
export interface TestSandbox {
  running: RunningSandbox
  /** Moves the sandbox's clock forward. */
  advance(milliseconds: number): void
  now(): number
  /** Posts JSON (a string goes as it is) to a path of a provider and returns the parsed answer. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Record<string, unknown>>
  get(path: string): Promise<Record<string, unknown>>
}

/** Starts a sandbox with a clock of its own; it is reset before each test and stopped after the last. */
export async function startTestSandbox(): Promise<TestSandbox> {
  let offset = 0
  const now = () => Date.now() + offset
  const running = await startSandbox({ now })
  beforeEach(() => running.client.reset())
  afterAll(() => running.stop())
  return {
    running,
    advance(milliseconds) {
      offset += milliseconds
    },
    now,
    post: (path, body, headers = { 'content-type': 'application/json' }) =>
      ask(`${running.url}${path}`, {
        method: 'POST',
        headers,
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path) => ask(`${running.url}${path}`),
  }
}

async function ask(url: string, init?: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(url, init)
  const body: unknown = JSON.parse(await response.text())
  if (typeof body !== 'object' || body === null) throw new Error(`${url}: the answer is no object`)
  return { ...body, httpStatus: response.status }
}
