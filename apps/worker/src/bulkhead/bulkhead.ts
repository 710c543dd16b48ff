import { createLine, type Line } from './line.ts'
import { createShares, type Holder } from './shares.ts'
import { createTurnover, type Turnover } from './turnover.ts'

/** What a job finds at the door: a slot that it holds until `leave`, or none for the time being. */
export type Entrance = { leave(): void } | { comeBackAt: number }

export interface Bulkhead {
  /** @returns a slot, or when to come back (epoch ms): then `setAside` must follow */
  enter(jobId: string, holder: Holder): Promise<Entrance>
  /** The job has been put back into the queue, to come back at the time given: it will be called as soon as its turn comes. */
  setAside(jobId: string, holder: Holder): void
}

export interface BulkheadOptions {
  /** Jobs that run at once, in all. */
  slots: number
  /** Lets a job that was set aside come now. Rejects where it is not there: another process has it. */
  call(jobId: string): Promise<unknown>
  /** Hears how many jobs are set aside by this process. */
  onSetAside(count: number): void
  /** After how long a job comes back by itself at the earliest; default 30 s. */
  comeBackMs?: number
}

/**
 * Where slots of a share get free at least so often, who waits for one waits in memory: it costs nothing, and every slot that
 * gets free fetches the queue's next job as well, whosever it is. So nobody else waits longer than that.
 */
const SHORT_MS = 250
/** A job that was called and does not come within this has gone to another process. */
const CALLED_MS = 1_000
const LOOK_EVERY_MS = 250
/**
 * Jobs come back by themselves too, for a process that died takes its lines with it: after this at the earliest, and not
 * faster one after another than this, so that a long line does not keep the queue busy.
 */
const COME_BACK_MS = 30_000
const COME_BACK_SPACING_MS = 10
/** Longest lines kept in memory, all together; what is beyond comes back by itself only. */
const MAX_SET_ASIDE = 50_000

/**
 * Keeps one slow holder from taking all slots of a worker process (docs/adr/0018). A job that finds its holder's share in use
 * waits in memory where slots turn over fast; else it goes back into the queue, and is called when a slot of its share gets
 * free: first come, first served.
 */
export function createBulkhead(options: BulkheadOptions): Bulkhead {
  const { slots, call, onSetAside, comeBackMs = COME_BACK_MS } = options
  const shares = createShares(slots)
  const lines = new Map<string, Line>()
  const tenants = new Map<string, Turnover>()
  const mayTake = (holder: Holder) => shares.inUse(holder) === undefined
  let setAsideCount = 0
  let lastComeBackAt = 0
  let looking: NodeJS.Timeout | undefined

  function lineOf(holder: Holder): Line {
    const name = `${holder.tenantId}/${holder.key}`
    let line = lines.get(name)
    if (!line) {
      line = createLine(holder)
      lines.set(name, line)
    }
    return line
  }

  function forgetIfIdle(line: Line): void {
    if (line.isIdle()) lines.delete(`${line.holder.tenantId}/${line.holder.key}`)
  }

  function tenantOf({ tenantId }: Holder): Turnover {
    let turnover = tenants.get(tenantId)
    if (!turnover) {
      turnover = createTurnover()
      tenants.set(tenantId, turnover)
    }
    return turnover
  }

  function take({ holder, turnover }: Line): void {
    const now = performance.now()
    shares.take(holder)
    turnover.took(now)
    tenantOf(holder).took(now)
  }

  function giveBack(line: Line): void {
    const { holder, turnover } = line
    const now = performance.now()
    shares.giveBack(holder)
    turnover.gaveBack(now)
    const tenant = tenantOf(holder)
    tenant.gaveBack(now)
    serve()
    if (tenant.held() === 0) tenants.delete(holder.tenantId)
    forgetIfIdle(line)
  }

  /** Gives what is free to those who wait, one each in turn. */
  function serve(): void {
    for (let served = true; served; ) {
      served = false
      for (const line of [...lines.values()]) {
        if (line.ahead() === 0 || !mayTake(line.holder)) continue
        serveNext(line)
        served = true
      }
    }
  }

  function serveNext(line: Line): void {
    take(line)
    const jobId = line.next(performance.now() + CALLED_MS)
    if (jobId === undefined) return
    setCount(setAsideCount - 1)
    // It is gone, or in another process: its place is the next one's.
    call(jobId).catch(() => {
      if (line.called.delete(jobId)) giveBack(line)
    })
  }

  function setCount(count: number): void {
    setAsideCount = count
    onSetAside(count)
  }

  /** Besides the slots that get free, time: others may have let go of theirs, and who was called may not come. */
  function look(): void {
    const now = performance.now()
    for (const line of [...lines.values()]) {
      for (const [jobId, until] of line.called) {
        if (until > now) break
        line.called.delete(jobId)
        giveBack(line)
      }
    }
    serve()
    if (setAsideCount > 0 || [...lines.values()].some(({ called }) => called.size > 0)) return
    clearInterval(looking)
    looking = undefined
  }

  /** Of the share that is in use: how long until a slot of it gets free. */
  function gapMs({ holder, turnover }: Line): number {
    const slow = shares.inUse(holder) === 'tenant' ? tenantOf(holder) : turnover
    return slow.gapMs(performance.now())
  }

  function comeBackAt(): number {
    lastComeBackAt = Math.max(Date.now() + comeBackMs, lastComeBackAt + COME_BACK_SPACING_MS)
    return lastComeBackAt
  }

  return {
    async enter(jobId, holder) {
      const line = lineOf(holder)
      const leave = () => giveBack(line)
      if (line.called.delete(jobId)) return { leave }
      const cameByItself = line.setAside.has(jobId)
      if ((cameByItself || line.ahead() === 0) && mayTake(holder)) {
        if (line.setAside.delete(jobId)) setCount(setAsideCount - 1)
        take(line)
        return { leave }
      }
      while (gapMs(line) <= SHORT_MS) if (await line.wait(SHORT_MS)) return { leave }
      return { comeBackAt: comeBackAt() }
    },
    setAside(jobId, holder) {
      const line = lineOf(holder)
      if (setAsideCount < MAX_SET_ASIDE && !line.setAside.has(jobId)) {
        line.setAside.add(jobId)
        setCount(setAsideCount + 1)
      }
      looking ??= setInterval(look, LOOK_EVERY_MS).unref()
      serve()
      forgetIfIdle(line)
    },
  }
}
