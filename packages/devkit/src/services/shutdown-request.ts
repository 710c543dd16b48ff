/**
 * One Ctrl-C may arrive several times: from the terminal, from npm and from the bootstrap. What comes this soon after
 * the first is the same request.
 */
const SAME_REQUEST_MS = 700

/**
 * Calls `first` when this process is asked to end (a signal, or the process that started it is gone), and `again` when
 * somebody asks once more because it takes too long.
 */
export function onShutdownRequest(first: (reason: string) => void, again: () => void): void {
  let firstAt: number | undefined
  const request = (reason: string) => {
    if (firstAt === undefined) {
      firstAt = Date.now()
      first(reason)
    } else if (Date.now() - firstAt > SAME_REQUEST_MS) {
      again()
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, request)
  if (process.send) {
    process.on('disconnect', () => request('the starting process is gone'))
    if (!process.connected) request('the starting process is gone')
    // Listening to the channel must not keep this process alive.
    process.channel?.unref()
  }
  // The terminal may be gone before us; what we still have to say then has no reader.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}
