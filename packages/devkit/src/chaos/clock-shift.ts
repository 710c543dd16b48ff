import { readFileSync, statSync } from 'node:fs'

/**
 * Loaded before a process's own code (`node --import`): shifts what `Date` says by the milliseconds that stand in the file of
 * CHAOS_CLOCK_FILE, while it runs. Timers and `performance.now()` go on as they do when the system's clock is set.
 */
const LOOK_EVERY_MS = 100
const RealDate = Date

let shiftMs = 0
let readAt = 0

function look(file: string): void {
  const changedAt = statSync(file).mtimeMs
  if (changedAt === readAt) return
  readAt = changedAt
  shiftMs = Number(readFileSync(file, 'utf8'))
}

class ShiftedDate extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(RealDate.now() + shiftMs)
    else super(...(args as [string]))
  }

  static override now(): number {
    return RealDate.now() + shiftMs
  }
}

const file = process.env.CHAOS_CLOCK_FILE
if (file) {
  look(file)
  setInterval(look, LOOK_EVERY_MS, file).unref()
  // `Date()` without `new` would throw; nothing of ours calls it so.
  globalThis.Date = ShiftedDate as DateConstructor
}
