import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core'

export type { Page } from 'playwright-core'

/** A headless Chromium with an empty profile of its own. */
export interface Browser {
  /** A new page with no cookies of the others; `options` as Playwright's, e.g. `httpCredentials`. */
  newPage(options?: BrowserContextOptions): Promise<Page>
  close(): Promise<void>
}

const ARGUMENTS = [
  // Root has no sandbox, and what is opened is our own.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // /dev/shm is 64 MB in containers.
  '--disable-dev-shm-usage',
]

/** @param executable as `findChromium` gives it */
export async function startBrowser(executable: string): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'message-center-chromium-'))
  const browser = await chromium.launch({
    executablePath: executable,
    headless: true,
    args: ARGUMENTS,
    env: { ...process.env, HOME: profile },
  })
  return {
    async newPage(options = {}) {
      const context = await browser.newContext({ colorScheme: 'light', locale: 'en-US', ...options })
      return context.newPage()
    },
    async close() {
      await browser.close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/**
 * Gathers what a page is not to do: errors on its console (what its content security policy refuses is one of them),
 * uncaught exceptions, failed or refused requests, requests to anybody but `origin`.
 * @returns a list that grows while the page is used
 */
export function faultsOf(page: Page, origin: string): string[] {
  const faults: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      faults.push(`console: ${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`))
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText
    // What a page gives up when it asks for something newer, or is left.
    if (reason !== 'net::ERR_ABORTED') faults.push(`request failed: ${request.url()} ${reason}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`)
  })
  page.on('request', (request) => {
    const { protocol, origin: asked } = new URL(request.url())
    if (protocol !== 'data:' && protocol !== 'blob:' && asked !== origin) faults.push(`asks ${request.url()}`)
  })
  return faults
}
