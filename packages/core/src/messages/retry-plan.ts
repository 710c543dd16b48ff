import { AppError } from '../contracts/errors.ts'
import type { LockedMessage, LockedTask } from './lock-messages.ts'
import { type DerivedStatus, deriveStatus } from './message-status.ts'

/** Which of a message's failed tasks to try again; what is left out narrows nothing down. */
export interface RetrySelection {
  taskIds?: readonly string[] | undefined
  channelType?: string | undefined
  errorCode?: string | undefined
  /** Also what an operator cancelled. */
  cancelledToo: boolean
}

/** What trying a message again comes to. */
export interface RetryPlan {
  message: LockedMessage
  /** Failed while being sent: they go out again as they are. */
  resend: LockedTask[]
  /** Failed on the way to it, or their config is gone: the pipeline runs again for their channels. */
  rerun: LockedTask[]
  /** What the message is then. */
  status: DerivedStatus
}

/** Outcomes after which the content is still what should be sent. */
const SENT_AS_IT_IS = ['CHANNEL_ERROR', 'CANCELLED', 'POISONED']

/**
 * @returns undefined where nothing of the message has failed, or nothing that was selected
 * @throws AppError NOT_FOUND where it has no task of a selected id
 */
export function planRetry(message: LockedMessage, selection: RetrySelection): RetryPlan | undefined {
  refuseUnknown(message, selection)
  const chosen = message.tasks.filter((task) => task.status === 'FAILED' && isSelected(task, selection))
  if (chosen.length === 0 && !failedWithoutTasks(message, selection)) return undefined
  const resend = chosen.filter(canBeResent)
  const rerun = chosen.filter((task) => !resend.includes(task))
  return { message, resend, rerun, status: statusAfter(message, chosen) }
}

function refuseUnknown({ messageId, tasks }: LockedMessage, { taskIds = [] }: RetrySelection): void {
  const unknown = [...taskIds.entries()].filter(([, id]) => !tasks.some(({ taskId }) => taskId === id))
  const [first] = unknown
  if (!first) return
  const details = unknown.map(([index]) => ({ path: `taskIds.${index}`, message: 'is no task of this message' }))
  throw new AppError('NOT_FOUND', `message ${messageId} has no task ${first[1]}`, { messageId, details })
}

/** How many tasks are tried again; a message that has none counts as one. */
export function countRetried({ resend, rerun }: RetryPlan): number {
  return Math.max(1, resend.length + rerun.length)
}

/** With nothing configured for it a message fails without a task. */
function failedWithoutTasks({ status, tasks, errorCode }: LockedMessage, selection: RetrySelection): boolean {
  const { taskIds, channelType } = selection
  if (status !== 'FAILED' || tasks.length > 0 || taskIds || channelType) return false
  return hasCode(errorCode, selection)
}

function isSelected(task: LockedTask, selection: RetrySelection): boolean {
  const { taskIds, channelType } = selection
  if (taskIds && !taskIds.includes(task.taskId)) return false
  if (channelType && task.channelType !== channelType) return false
  return hasCode(task.errorCode, selection)
}

function hasCode(errorCode: string | null, { errorCode: wanted, cancelledToo }: RetrySelection): boolean {
  return wanted ? errorCode === wanted : cancelledToo || errorCode !== 'CANCELLED'
}

function canBeResent({ hasContent, configEnabled, errorCode }: LockedTask): boolean {
  return hasContent && configEnabled && SENT_AS_IT_IS.includes(errorCode ?? '')
}

function statusAfter({ tasks }: LockedMessage, chosen: readonly LockedTask[]): DerivedStatus {
  const derived = deriveStatus(tasks.map((task) => (chosen.includes(task) ? { ...task, status: 'PENDING' } : task)))
  // Without a task it has not been through the pipeline, as far as it matters.
  return tasks.length > 0 ? derived : { ...derived, status: 'PENDING' }
}
