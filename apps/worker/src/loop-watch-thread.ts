import { writeSync } from 'node:fs'
import { isMainThread, workerData } from 'node:worker_threads'

export interface LoopWatchData {
  /** Grows as long as the loop turns. */
  beats: Int32Array
  looks: number
  service: string
}

const LOOK_EVERY_MS = 1_000
const STDOUT = 1

if (!isMainThread) watch(workerData as LoopWatchData)

function watch({ beats, looks, service }: LoopWatchData): void {
  let last = -1
  let stillFor = 0
  setInterval(() => {
    const now = Atomics.load(beats, 0)
    stillFor = now === last ? stillFor + 1 : 0
    last = now
    if (stillFor < looks) return
    const msg = `the event loop has stood still for ${looks} s: this process ends, so that others take over what it has in hand`
    // The logger lives in the loop that stands still.
    writeSync(STDOUT, `${JSON.stringify({ level: 'fatal', time: new Date().toISOString(), service, msg })}\n`)
    process.kill(process.pid, 'SIGALRM')
  }, LOOK_EVERY_MS)
}
