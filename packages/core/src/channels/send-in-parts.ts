import type { Recipients, SendOutcome } from './adapter.ts'
import { ChannelError } from './channel-error.ts'
import type { LookedUp } from './mobile-look-ups.ts'
import { addNotReached, describeNotReached, mergeNotReached, type NotReached } from './not-reached.ts'

/** What the provider made of one part. */
export interface PartOutcome {
  response: unknown
  messageId?: string
  notReached: NotReached
  /** Set where the provider refused the part because it knows none of its recipients. */
  refusal?: ChannelError
}

export interface PartedSend {
  recipients: Recipients
  /** Recipients of one provider call. */
  partSize: number
  /** After so many recipients, or so long, the task lets go and comes back for the rest. */
  pause: { recipients: number; ms: number }
  progress: unknown
  saveProgress: ((progress: unknown) => Promise<void>) | undefined
  /** Why a user id cannot be sent, e.g. because it would break the list; undefined where it can. */
  faultOf(userId: string): string | undefined
  lookUp(mobiles: readonly string[]): Promise<LookedUp[]>
  sendPart(userIds: readonly string[]): Promise<PartOutcome>
}

/** How far a task has come. Positions count its recipients in their order: user ids, then mobiles. */
interface Progress {
  next: number
  messageIds: string[]
  notReached: NotReached
}

/** One attempt should not get near SEND_TIMEOUT_MS: cut off there, it would not know what became of its last call. */
const ATTEMPT_MS = 5_000

/**
 * Sends to recipients in parts. Each part that the provider took is saved before the next one goes out, so that whatever
 * ends the attempt, the next one goes on behind it. Who cannot be reached is told in the detail and fails nobody else.
 * @throws ChannelError PERMANENT where nobody can be reached; RATE_LIMITED `CONTINUES` where the rest has to wait
 */
export async function sendInParts(send: PartedSend): Promise<SendOutcome> {
  const { userIds, mobiles } = send.recipients
  const total = userIds.length + mobiles.length
  const startedAt = performance.now()
  let progress = readProgress(send.progress)
  let refusal: ChannelError | undefined
  const begunAt = progress.next
  const responses: unknown[] = []
  while (progress.next < total) {
    if (begunAt < progress.next && mustPause(send, progress.next - begunAt, performance.now() - startedAt)) {
      throw continues(progress.next, total, send.pause.ms)
    }
    const { targets, notReached } = await resolvePart(send, progress.next)
    const part =
      targets.length === 0 ? undefined : await send.sendPart(targets).catch(tellPosition(progress.next, total))
    refusal ??= part?.refusal
    if (part) responses.push(part.response)
    progress = {
      next: Math.min(progress.next + send.partSize, total),
      messageIds: [...progress.messageIds, ...(part?.messageId === undefined ? [] : [part.messageId])],
      notReached: mergeNotReached(progress.notReached, notReached, part?.notReached ?? {}),
    }
    if (part && progress.next < total) await send.saveProgress?.(progress)
  }
  const detail = describeNotReached(progress.notReached)
  if (progress.messageIds.length === 0) throw refusal ?? nobody(detail)
  return {
    response: responses.length === 1 ? responses[0] : responses,
    providerMessageId: progress.messageIds.join(','),
    ...(detail && { detail }),
  }
}

async function resolvePart(send: PartedSend, from: number): Promise<{ targets: string[]; notReached: NotReached }> {
  const { userIds, mobiles } = send.recipients
  const to = from + send.partSize
  let notReached: NotReached = {}
  const targets = new Set<string>()
  for (const userId of userIds.slice(from, to)) {
    const fault = send.faultOf(userId)
    if (fault === undefined) targets.add(userId)
    else notReached = addNotReached(notReached, fault, [userId])
  }
  const asked = mobiles.slice(Math.max(0, from - userIds.length), Math.max(0, to - userIds.length))
  const named = new Set(userIds)
  for (const [index, found] of (await send.lookUp(asked)).entries()) {
    if (!('userId' in found)) notReached = addNotReached(notReached, found.reason, [asked[index] ?? ''])
    else if (!named.has(found.userId)) targets.add(found.userId)
  }
  return { targets: [...targets], notReached }
}

function mustPause({ pause, partSize }: PartedSend, recipients: number, elapsedMs: number): boolean {
  return recipients + partSize > pause.recipients || elapsedMs > ATTEMPT_MS
}

/** A fault for good leaves a message that has gone to some: its text has to say so. */
function tellPosition(done: number, total: number): (error: unknown) => never {
  return (error) => {
    if (done === 0 || !(error instanceof ChannelError) || error.errorClass !== 'PERMANENT') throw error
    const { code, response } = error
    const details = { code, message: `after ${done} of ${total} recipients: ${error.message}` }
    throw new ChannelError('PERMANENT', response === undefined ? details : { ...details, response }, { cause: error })
  }
}

function continues(done: number, total: number, retryAfterMs: number): ChannelError {
  const message = `sent to ${done} of ${total} recipients so far; the rest follows`
  return new ChannelError('RATE_LIMITED', { code: 'CONTINUES', message, retryAfterMs })
}

function nobody(detail: string): ChannelError {
  const message = detail || 'the message names nobody: attributes.to is empty'
  return new ChannelError('PERMANENT', { code: 'NO_RECIPIENT', message })
}

/** Written by ourselves, in an earlier attempt. */
function readProgress(stored: unknown): Progress {
  return (stored as Progress | undefined) ?? { next: 0, messageIds: [], notReached: {} }
}
