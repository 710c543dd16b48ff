import type { Queues } from './queues.ts'

/** The scheduled task that gives a job to whatever MySQL says is due and has none. */
export const RECONCILE_TASK = 'reconcile'

/**
 * Has it run now instead of at its next turn.
 * @throws whatever Redis throws; then its next turn comes all the same
 */
export async function wakeReconciler(queues: Queues): Promise<void> {
  await queues.scheduled.add(RECONCILE_TASK, {}, { removeOnComplete: { count: 20 }, removeOnFail: { count: 20 } })
}
