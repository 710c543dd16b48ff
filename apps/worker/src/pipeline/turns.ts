import { createFairLines } from '@message-center/core/messages/fair-lines.ts'

/** Lets so much be at work at once and not more; of those who wait for it, holders take turns. */
export interface Turns {
  /** Does the work once there is room for it; settles as it does. */
  take<Result>(holder: string, work: () => Promise<Result>): Promise<Result>
}

export function createTurns(most: number): Turns {
  const waiting = createFairLines<() => void>()
  let atWork = 0

  return {
    async take(holder, work) {
      if (atWork < most) atWork += 1
      // Whoever ends gives his room to the next.
      else await new Promise<void>((resolve) => waiting.push(holder, resolve))
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else atWork -= 1
      }
    },
  }
}
