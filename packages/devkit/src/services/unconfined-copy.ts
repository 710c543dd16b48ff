import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

const APPARMOR_SWITCH = '/sys/module/apparmor/parameters/enabled'
const APPARMOR_PROFILES = '/etc/apparmor.d'

/**
 * Ubuntu's AppArmor profile keeps `/usr/sbin/mysqld` out of any folder but the system's own. A profile belongs to a
 * path, so a private instance runs from a copy in `folder`, made anew when the original has changed.
 * @returns the path to run: `server` itself where no profile stands in the way
 */
export function unconfinedCopy(server: string, folder: string, isConfined = hasProfile): string {
  if (!isConfined(server)) return server
  const { size, mtimeMs } = statSync(server)
  const copy = join(folder, `${basename(server)}-${size}-${Math.floor(mtimeMs)}`)
  if (!existsSync(copy)) {
    mkdirSync(folder, { recursive: true })
    // Another process may be copying too: only a whole copy gets the name.
    const draft = `${copy}.${process.pid}`
    copyFileSync(server, draft)
    renameSync(draft, copy)
  }
  return copy
}

/** Profiles are files named after the path: `usr.sbin.mysqld`. */
function hasProfile(server: string): boolean {
  if (!existsSync(APPARMOR_SWITCH) || !readFileSync(APPARMOR_SWITCH, 'latin1').startsWith('Y')) return false
  return existsSync(join(APPARMOR_PROFILES, server.slice(1).replaceAll('/', '.')))
}
