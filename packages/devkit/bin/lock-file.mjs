import { spawnSync } from 'node:child_process'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

// Plain JavaScript (types in lock-file.d.mts): the bootstrap uses it on whatever Node the machine has.

/** A take-over lasts milliseconds; a mark older than this was left by a process that died in the middle of one. */
const TAKE_OVER_MAX_MS = 10_000

export function tryLock(path, details = {}) {
  mkdirSync(dirname(path), { recursive: true })
  const owner = ownerRecord(process.pid)
  for (;;) {
    if (createExclusively(path, { ...owner, ...details })) return { lock: heldLock(path, owner) }
    const holder = readHolder(path)
    if (holder && isAlive(holder)) return { holder }
    if (holder) removeStale(path)
  }
}

export function readLock(path) {
  const holder = readHolder(path)
  return holder && isAlive(holder) ? holder : undefined
}

export function ownerRecord(pid) {
  return { pid, identity: processIdentity(pid) }
}

export function isAlive({ pid, identity }) {
  return Number.isInteger(pid) && identity !== undefined && processIdentity(pid) === identity
}

/** What tells a process from a later one with the same id: its start time. Undefined when it is gone (or a zombie). */
function processIdentity(pid) {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid)
}

function linuxIdentity(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc_pid_stat(5): the name in parentheses may hold anything; after it come state (field 3) … start time (field 22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return fields[0] === 'Z' ? undefined : `${boot}/${fields[19]}`
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) return undefined
    throw error
  }
}

function psIdentity(pid) {
  const { status, stdout, error } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
  if (error) throw error
  return status === 0 ? stdout.trim() : undefined
}

function heldLock(path, owner) {
  const isMine = () => readHolder(path)?.pid === owner.pid
  return {
    update(details) {
      const draft = `${path}.${process.pid}`
      writeFileSync(draft, JSON.stringify({ ...owner, ...details }), { mode: 0o600 })
      renameSync(draft, path)
    },
    release() {
      if (isMine()) rmSync(path, { force: true })
    },
  }
}

/** Creates the file with its whole content or not at all (link(2) is atomic). */
function createExclusively(path, content) {
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, JSON.stringify(content), { mode: 0o600 })
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function readHolder(path) {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return JSON.parse(text)
  } catch {
    // Not written by us or torn by a full disk: nobody that lives.
    return {}
  }
}

/** Only one process at a time may remove a dead one's lock, or the second would remove the lock that the first then took. */
function removeStale(path) {
  const mark = `${path}.takeover`
  if (!createExclusively(mark, {})) {
    waitMs(20)
    const age = statSync(mark, { throwIfNoEntry: false })
    if (age && Date.now() - age.mtimeMs > TAKE_OVER_MAX_MS) rmSync(mark, { force: true })
    return
  }
  const holder = readHolder(path)
  if (holder && !isAlive(holder)) rmSync(path, { force: true })
  rmSync(mark, { force: true })
}

function waitMs(duration) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, duration)
}
