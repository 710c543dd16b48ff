import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LoadOrder, LoadResult } from './load-order.ts'

const GENERATOR = fileURLToPath(new URL('./load-generator.ts', import.meta.url))

/**
 * Loads a server from a process of its own.
 * @throws Error where a request was not answered by 2xx: such a figure says nothing
 */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const result = await offerLoad(order)
  if (result.errors > 0) throw new Error(`${result.errors} requests to ${order.url} failed`)
  return result
}

/** The same, whatever the answers are. */
export async function offerLoad(order: LoadOrder): Promise<LoadResult> {
  const generator = promisify(execFile)(process.execPath, [GENERATOR])
  generator.child.stdin?.end(JSON.stringify(order))
  const { stdout } = await generator
  return JSON.parse(stdout)
}
