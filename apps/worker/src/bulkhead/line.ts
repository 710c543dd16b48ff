import type { Holder } from './shares.ts'
import { createTurnover } from './turnover.ts'

/** One holder's jobs in a process: those that run, those that wait here, those that were set aside, all in order. */
export type Line = ReturnType<typeof createLine>

export function createLine(holder: Holder) {
  const waiting = new Set<() => void>()
  const setAside = new Set<string>()
  const called = new Map<string, number>()
  const turnover = createTurnover()
  let calledLast = false

  return {
    holder,
    turnover,
    /** Ids of jobs that were put back into the queue. */
    setAside,
    /** Jobs for whom a slot is held, and until when, by performance.now(). */
    called,
    ahead: () => waiting.size + setAside.size,
    isIdle: () => turnover.held() === 0 && waiting.size === 0 && setAside.size === 0,
    /** Waits in memory for a slot, which is then taken. @returns false after `limitMs` */
    wait(limitMs: number): Promise<boolean> {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const admit = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(() => {
        waiting.delete(admit)
        resolve(false)
      }, limitMs)
      waiting.add(admit)
      return promise
    },
    /**
     * Gives a slot that has just been taken to one who waits here, or tells who has to be called: in turns where there are
     * both, so that a long line does not take every free hand of the worker, nor newcomers every slot.
     * @param until how long it is kept for one who is called
     * @returns the id of the job to call, if any
     */
    next(until: number): string | undefined {
      const [admit] = waiting
      const [jobId] = setAside
      const callOne = jobId !== undefined && (admit === undefined || !calledLast)
      calledLast = callOne
      if (callOne) {
        setAside.delete(jobId)
        called.set(jobId, until)
        return jobId
      }
      if (admit) {
        waiting.delete(admit)
        admit()
      }
      return undefined
    },
  }
}
