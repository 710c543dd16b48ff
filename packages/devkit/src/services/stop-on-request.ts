import { killGuarded, stopGuarded } from './guarded-process.ts'
import { say } from './progress.ts'
import { onShutdownRequest } from './shutdown-request.ts'

/** For commands that run other processes: told to stop, they stop those first and end with code 1. */
export function stopOnRequest(): void {
  onShutdownRequest(
    async (reason) => {
      await stopGuarded((name) => say(`${reason}: stopping ${name}`))
      process.exit(1)
    },
    () => {
      killGuarded()
      process.exit(1)
    },
  )
}
