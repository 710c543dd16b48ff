/** What the load generator is told on its input, as JSON. */
export interface LoadOrder {
  url: string
  token: string
  /** JSON; `[<id>]` in it becomes another id in each request. */
  body: string
  connections: number
  /** How long … */
  seconds?: number
  /** … or how many requests. */
  requests?: number
  /** So many in each of the `seconds`, evenly; as many as are answered without it. */
  perSecond?: number
}

/** What it answers on its output, as JSON. */
export interface LoadResult {
  /** Requests that were answered by 2xx. */
  answered: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  errors: number
}
