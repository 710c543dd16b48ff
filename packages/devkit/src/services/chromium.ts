import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { canUseApt, installPackages } from './apt.ts'
import { findExecutable } from './find-server.ts'
import type { Progress } from './service-kind.ts'

const run = promisify(execFile)

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const MAC_APPS = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const VERSION_TIMEOUT_MS = 20_000

const ADVICE = [
  'Chromium is not on this machine. Any one of these helps:',
  '  Debian           sudo apt-get install chromium',
  '  Ubuntu           sudo snap install chromium, or Google Chrome: https://www.google.com/chrome',
  '  Fedora, RHEL     sudo dnf install chromium',
  '  macOS            brew install --cask chromium',
].join('\n')

/** Chromium or Chrome on this machine; undefined where there is none that runs. */
export async function findChromium(): Promise<string | undefined> {
  const executable = findExecutable(NAMES) ?? MAC_APPS.find((path) => existsSync(path))
  return executable !== undefined && (await runs(executable)) ? executable : undefined
}

/**
 * The one on this machine; on Debian as root it is installed if need be.
 * @throws Error that says what to install
 */
export async function provideChromium(progress: Progress): Promise<string> {
  const present = await findChromium()
  if (present !== undefined) return present
  if (canUseApt()) await installPackages(['chromium'], progress)
  const installed = await findChromium()
  if (installed === undefined) throw new Error(ADVICE)
  return installed
}

/** Fonts for Chinese, without which a page shows boxes. Where they cannot be installed, a line says so. */
export async function provideChineseFonts(progress: Progress): Promise<void> {
  if (process.platform !== 'linux' || (await hasChineseFonts())) return
  if (canUseApt()) await installPackages(['fonts-noto-cjk'], progress)
  else progress('no font for Chinese on this machine: install Noto Sans CJK, or there will be boxes instead')
}

async function hasChineseFonts(): Promise<boolean> {
  const { stdout } = await run('fc-list', [':lang=zh', 'family'])
  return stdout.trim() !== ''
}

/** Ubuntu's package is a script that only says to install the snap. */
async function runs(executable: string): Promise<boolean> {
  try {
    const { stdout } = await run(executable, ['--version'], { timeout: VERSION_TIMEOUT_MS })
    return /chrom/i.test(stdout)
  } catch {
    // Whatever keeps it from telling its version keeps it from showing pages.
    return false
  }
}
