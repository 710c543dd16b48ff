import { Worker } from 'node:worker_threads'
import type { LoopWatchData } from './loop-watch-thread.ts'

const BEAT_MS = 250

/**
 * Ends this process by SIGALRM when its event loop stands still: what loops without end holds every message that the process has
 * in hand, and nothing within the loop can say so. A thread of its own looks every second; looks are counted, not seconds: a
 * process that was stopped has not looked.
 * @param looks how many in a row may find that nothing has moved
 * @param service as in the logs
 */
export function watchLoop(looks: number, service: string): void {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const workerData: LoopWatchData = { beats, looks, service }
  new Worker(new URL('./loop-watch-thread.ts', import.meta.url), { workerData }).unref()
  setInterval(() => Atomics.add(beats, 0, 1), BEAT_MS).unref()
}
