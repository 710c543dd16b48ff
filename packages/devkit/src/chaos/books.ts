/** What the clients were told of one message: the first book. */
export interface Told {
  messageId: string
  /** The channels that it is for. */
  channels: readonly Channel[]
  /** The channels that cannot take it: its data lacks what their template wants. */
  failing: readonly Channel[]
  answers: readonly Answer[]
}

export type Channel = 'DINGTALK' | 'WECHAT_WORK' | 'LOCAL'

/** The outcome of one attempt to post a message; in a batch, of its entry. */
export interface Answer {
  /** Epoch ms at which it was known. */
  at: number
  /** HTTP status, or that of the batch's entry as a single call would have it; null: no answer came, or half of one. */
  status: number | null
  errorCode?: string
}

/** A message's row with its tasks: the second book. */
export interface Stored {
  messageId: string
  status: string
  totalChannels: number
  successChannels: number
  failedChannels: number
  finished: boolean
  tasks: readonly StoredTask[]
}

export interface StoredTask {
  channel: string
  status: string
  resultMessage: string | null
  retryCount: number
  finished: boolean
}

/** A call that a provider, or the inbox, took: the third book. */
export interface Arrival {
  messageId: string
  channel: Channel
  /** Epoch ms. */
  at: number
  /** The worker that made it; undefined where that cannot be told (the inbox). */
  worker: string | undefined
  /** Of the connection that it came by, as the provider saw it. */
  port?: number
  /** False where the provider dropped it as a copy. */
  shown: boolean
}

/** What was broken, when: epoch ms. */
export interface FaultRecord {
  kind: string
  /** A process, a server, or a way between two: `worker-1`, `mysql`, `worker-1→provider`. */
  target: string
  detail: string
  from: number
  /** Infinity while it lasts. */
  to: number
  /** The single blows that it is made of, where it is. */
  moments: readonly number[]
  /** Of a slow way: by how much each piece is late, ms. */
  latencyMs?: number
}

/** A provider call that the wire answered late, or not before the caller gave up: whichever of the two was slow. */
export interface LateAnswer {
  worker: string
  port: number
  /** Epoch ms. */
  askedAt: number
  ms: number
}

/** The end of a process, by a fault or by itself. */
export interface ProcessEnd {
  process: string
  at: number
  code: number | null
  signal: string | null
  /** The signal that it was sent, and when; null: it ended by itself. */
  told: { signal: string; at: number } | null
}

export interface Books {
  told: readonly Told[]
  stored: readonly Stored[]
  arrivals: readonly Arrival[]
  faults: readonly FaultRecord[]
  ends: readonly ProcessEnd[]
  lateAnswers: readonly LateAnswer[]
}
