import { stopOnRequest } from './stop-on-request.ts'

/**
 * Runs a command that runs other processes, and ends with its code; one that fails is told in a line, and ends with 1. Told to stop,
 * it stops those processes first.
 */
export async function runCommand(main: () => Promise<number>): Promise<void> {
  stopOnRequest()
  try {
    process.exitCode = await main()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}
