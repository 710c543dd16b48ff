import { randomUUID } from 'node:crypto'
import type { CallbackAnswer, CallbackClient } from '@message-center/core/callbacks/callback-client.ts'
import type { CallbackJob } from '@message-center/core/callbacks/callback-jobs.ts'
import { signing } from '@message-center/core/callbacks/callback-secret-store.ts'
import type { ClaimedCallback } from '@message-center/core/callbacks/claim-callbacks.ts'
import type { CallbackOutcome } from '@message-center/core/callbacks/record-callbacks.ts'
import { nextWaitMs } from '@message-center/core/callbacks/retry-schedule.ts'
import { openSecret } from '@message-center/core/callbacks/sealed-secret.ts'
import { webhookHeaders } from '@message-center/core/callbacks/signature.ts'
import type { SigningSecrets } from '@message-center/core/callbacks/signing-secrets.ts'
import type { Cipher } from '@message-center/core/secrets/cipher.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import type { Verdict } from '../delivery/verdict.ts'
import type { DeliveryTraces } from '../tracing/trace-delivery.ts'
import type { CallbackSlots } from './callback-slots.ts'
import type { CallbackWriter } from './callback-writer.ts'

export interface CallbackDependencies {
  writer: CallbackWriter
  client: CallbackClient
  slots: CallbackSlots
  secrets: SigningSecrets
  cipher: Cipher
  metrics: Metrics
  sendTimeoutMs: number
  /** The tries under way, so that a shutdown can abort them. */
  underWay: Set<AbortController>
  traces?: Pick<DeliveryTraces, 'afterwards'> | undefined
  /** Epoch ms. */
  now(): number
}

/** A try may take its full time and then needs its outcome committed: only after that may another one begin. */
const LEASE_MARGIN_MS = 5_000
/** Somebody else was faster: what came of it is known then. */
const OVERTAKEN_MS = 1_000
const GONE = 410

/**
 * One run of a callback's job: waits for its time and for a slot, claims the callback in MySQL, makes it, records the outcome.
 * @throws only on a fault of the system (database away, a key that is missing)
 */
export async function deliverCallback(job: CallbackJob, deps: CallbackDependencies): Promise<Verdict> {
  const due = await deps.writer.find(job)
  if (!due) return { queue: 'complete', note: 'over' }
  if (due.nextTime && due.nextTime.getTime() > deps.now()) return { queue: 'postpone', until: due.nextTime.getTime() }
  if (due.heldMs > 0) return { queue: 'postpone', until: deps.now() + Math.ceil(due.heldMs) }
  const slot = deps.slots.take(job.tenantId, new URL(due.url).origin)
  if ('askAgainAt' in slot) return { queue: 'postpone', until: slot.askAgainAt }
  let answered: boolean | undefined
  try {
    const secrets = await signingSecrets(job, deps)
    const token = randomUUID()
    const claimed = await claim(job, token, deps)
    if (!claimed) return { queue: 'postpone', until: deps.now() + OVERTAKEN_MS }
    const work = () => call(job, due.url, secrets, claimed, deps)
    const place = { ...job, traceparent: due.traceparent }
    const answer = await (deps.traces ? deps.traces.afterwards('callback', place, work) : work())
    if (!('refused' in answer)) answered = 'status' in answer
    return await conclude(job, token, claimed.attempts, answer, deps)
  } finally {
    slot.release(answered)
  }
}

async function signingSecrets({ tenantId }: CallbackJob, deps: CallbackDependencies): Promise<string[]> {
  const stored = signing(await deps.secrets(tenantId), deps.now())
  return stored.map((secret) => openSecret(deps.cipher, secret))
}

function claim(job: CallbackJob, token: string, deps: CallbackDependencies): Promise<ClaimedCallback | undefined> {
  const leaseMs = deps.sendTimeoutMs + LEASE_MARGIN_MS
  return deps.writer.claim({ ...job, token, dueBy: new Date(deps.now()), leaseMs })
}

async function call(
  { rowId, generation }: CallbackJob,
  url: string,
  secrets: readonly string[],
  { event }: ClaimedCallback,
  deps: CallbackDependencies,
): Promise<CallbackAnswer | { refused: string }> {
  if (secrets.length === 0) return { refused: 'the tenant has no signing secret' }
  const body = JSON.stringify(event)
  // Nothing of it is the caller's: a full stop in the id would let a signature fit another content.
  const headers = webhookHeaders(
    { id: `mc_${rowId}_${generation}`, timestamp: Math.floor(deps.now() / 1000), body },
    secrets,
  )
  const controller = new AbortController()
  deps.underWay.add(controller)
  try {
    return await deps.client.post({ url, headers, body, signal: controller.signal })
  } finally {
    deps.underWay.delete(controller)
  }
}

/** Records what the try led to, and decides what comes of it. */
async function conclude(
  job: CallbackJob,
  token: string,
  attempts: number,
  answer: CallbackAnswer | { refused: string },
  deps: CallbackDependencies,
): Promise<Verdict> {
  const { tenantId, messageId, createTime } = job
  const record = async (outcome: Pick<CallbackOutcome, 'state' | 'nextTime'>) => {
    await deps.writer.record({ tenantId, messageId, createTime, token, result, ...outcome })
    const told = { DELIVERED: 'delivered', FAILED: 'failed', DUE: 'retried' }[outcome.state]
    deps.metrics.callbackTries.inc({ outcome: told })
  }
  const result = 'status' in answer ? `HTTP ${answer.status}` : 'fault' in answer ? answer.fault : answer.refused
  const status = 'status' in answer ? answer.status : 0
  if (status >= 200 && status < 300) {
    await record({ state: 'DELIVERED', nextTime: null })
    return { queue: 'complete', note: result }
  }
  const waitMs =
    status === GONE ? undefined : nextWaitMs(attempts, 'status' in answer ? answer.retryAfterMs : undefined)
  if (waitMs === undefined) {
    await record({ state: 'FAILED', nextTime: null })
    return { queue: 'fail', reason: `given up after ${attempts} tries: ${result}` }
  }
  const nextTime = new Date(deps.now() + waitMs)
  await record({ state: 'DUE', nextTime })
  return { queue: 'postpone', until: nextTime.getTime() }
}
