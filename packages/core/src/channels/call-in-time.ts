import { ChannelError } from './channel-error.ts'

/**
 * Runs one call of an adapter within a time limit, also where the adapter ignores its signal. An expired token is given one
 * more try.
 * @param stopping aborted when the process stops
 * @throws whatever the call throws; ChannelError UNKNOWN where it does not end in time
 */
export async function callInTime<T>(
  timeoutMs: number,
  stopping: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), stopping])
  const timedOut = Promise.withResolvers<never>()
  signal.addEventListener('abort', () =>
    timedOut.reject(new ChannelError('UNKNOWN', { code: 'TIMEOUT', message: `no answer within ${timeoutMs} ms` })),
  )
  const calling = call(signal).catch((error: unknown) => {
    const expired = error instanceof Error && 'errorClass' in error && error.errorClass === 'TOKEN_EXPIRED'
    if (expired && !signal.aborted) return call(signal)
    throw error
  })
  return Promise.race([calling, timedOut.promise])
}
