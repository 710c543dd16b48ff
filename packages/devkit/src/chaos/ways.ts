import type { LateAnswer, TcpProxy } from './tcp-proxy.ts'

/** A way between two parts, `worker-1→mysql`. */
export interface Way {
  name: string
  proxy: TcpProxy
}

/** The ways to the providers: the system gives a port to connections of one process to MySQL and of another to a provider at once. */
function waysToProviders(ways: readonly Way[]): { worker: string; proxy: Way['proxy'] }[] {
  return ways.flatMap(({ name, proxy }) => {
    const [worker = '', part] = name.split('→')
    return part === 'provider' ? [{ worker, proxy }] : []
  })
}

/** @returns the worker whose connection to the providers came from this port at this time (epoch ms) */
export function workerAt(ways: readonly Way[], port: number | undefined, at: number): string | undefined {
  if (port === undefined) return undefined
  const carriers = waysToProviders(ways).map(({ worker, proxy }) => ({ worker, since: proxy.carriedSince(port, at) }))
  const since = Math.max(...carriers.map((carrier) => carrier.since ?? Number.NEGATIVE_INFINITY))
  return carriers.find((carrier) => carrier.since === since)?.worker
}

/** @returns the answers of providers that came late, with whose they were */
export function lateAnswersOf(ways: readonly Way[]): (LateAnswer & { worker: string })[] {
  return waysToProviders(ways).flatMap(({ worker, proxy }) =>
    proxy.lateAnswers().map((answer) => ({ worker, ...answer })),
  )
}
