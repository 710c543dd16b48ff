import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type GuardedProcess, startGuarded } from '../services/guarded-process.ts'

const run = promisify(execFile)

/** A file system of its own that can be made full. */
export interface SmallDisk {
  /** Takes every byte that is left. */
  fill(): Promise<void>
  /** Gives them back. */
  free(): void
  unmount(): Promise<void>
}

const BALLAST = 'ballast'
/** The name of the device in the list of mounts, before the id of the process that mounted it. */
const DEVICE = 'message-center-chaos-'

/**
 * Mounts a file system in memory over an empty folder. It is taken away again also when this process is killed.
 * @returns why not, where the machine does not allow it
 */
export async function mountSmallDisk(folder: string, megabytes: number): Promise<SmallDisk | { unavailable: string }> {
  if (process.platform !== 'linux') return { unavailable: 'a disk of its own can be mounted on Linux only' }
  if (userInfo().uid !== 0) return { unavailable: 'mounting a disk of its own needs root' }
  try {
    await unmountLeftovers()
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, `${DEVICE}${process.pid}`, folder])
  } catch (error) {
    // A container without the right to mount.
    return { unavailable: `no disk of its own: ${error instanceof Error ? error.message.trim() : error}` }
  }
  const keeper = await startKeeper(folder)
  const file = join(folder, BALLAST)
  return {
    fill: () => fillWith(file),
    free: () => rmSync(file, { force: true }),
    async unmount() {
      await keeper.stop()
    },
  }
}

/** Where a run was killed together with its guards, its disks are still there, and so is the memory that they take. */
async function unmountLeftovers(): Promise<void> {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [device = '', folder = ''] = line.split(' ')
    if (device.startsWith(DEVICE) && !isRunning(Number(device.slice(DEVICE.length))))
      await run('umount', ['--lazy', folder])
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // Gone: as root it is never somebody else's.
    return false
  }
}

/** Its guard unmounts when it ends, by whatever end of ours. */
function startKeeper(folder: string): Promise<GuardedProcess> {
  return startGuarded({
    name: `disk at ${folder}`,
    command: 'sleep',
    args: ['infinity'],
    afterwards: { command: 'umount', args: ['--lazy', folder] },
  })
}

/** In a process of its own, for it takes a while and everything else goes on. */
async function fillWith(file: string): Promise<void> {
  try {
    await run('dd', ['if=/dev/zero', `of=${file}`, 'bs=64k'])
  } catch (error) {
    // It ends by running out of space, which is the purpose.
    if (!String(error).includes('No space left')) throw error
  }
}
