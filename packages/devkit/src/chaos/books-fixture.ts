import type { Arrival, Books, FaultRecord, LateAnswer, ProcessEnd, Stored, Told } from './books.ts'
import { checkBooks } from './check-books.ts'

const LIMITS = { sendTimeoutMs: 3_000, leaseMs: 8_000 }
/** Epoch ms of the first arrival in these books. */
export const T = 1_800_000_000_000

export const told: Told = {
  messageId: 'm-1',
  channels: ['DINGTALK', 'WECHAT_WORK', 'LOCAL'],
  failing: [],
  answers: [
    { at: T - 100, status: null },
    { at: T - 50, status: 202 },
  ],
}
export const task = (channel: string) => ({
  channel,
  status: 'SUCCESS',
  resultMessage: 'ok',
  retryCount: 0,
  finished: true,
})
export const stored: Stored = {
  messageId: 'm-1',
  status: 'SUCCESS',
  totalChannels: 3,
  successChannels: 3,
  failedChannels: 0,
  finished: true,
  tasks: told.channels.map(task),
}
export const arrival = (fields: Partial<Arrival> = {}): Arrival => ({
  messageId: 'm-1',
  channel: 'WECHAT_WORK',
  at: T,
  worker: 'worker-1',
  port: 40_001,
  shown: true,
  ...fields,
})
export const arrivals = told.channels.map((channel) => arrival({ channel }))
const books = (fields: Partial<Books> = {}): Books => ({
  told: [told],
  stored: [stored],
  arrivals,
  faults: [],
  ends: [],
  lateAnswers: [],
  ...fields,
})
export const check = (fields?: Partial<Books>) => checkBooks(books(fields), LIMITS)
export const fault = (kind: string, target: string, from: number, to: number, fields: Partial<FaultRecord> = {}) => ({
  kind,
  target,
  detail: '',
  from: T + from,
  to: T + to,
  moments: [],
  ...fields,
})
export const late = (fields: Partial<LateAnswer>): LateAnswer => ({
  worker: 'worker-1',
  port: 40_001,
  askedAt: T - 50,
  ms: 3_050,
  ...fields,
})
export const end = (process: string, at: number, fields: Partial<ProcessEnd> = {}): ProcessEnd => ({
  process,
  at: T + at,
  code: null,
  signal: 'SIGKILL',
  told: { signal: 'SIGKILL', at: T + at },
  ...fields,
})
