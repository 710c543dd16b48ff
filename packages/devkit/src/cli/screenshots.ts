import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { startBrowser } from '../browser/browser.ts'
import { jobOfMessage, openQueue } from '../browser/bull-board.ts'
import { execute, openOperation, openSwaggerUi } from '../browser/swagger-ui.ts'
import { createApiClient } from '../demo/api-client.ts'
import { FIRST_MESSAGE_ID } from '../demo/catalogue.ts'
import { sendDemoMessage } from '../demo/demo-message.ts'
import { seedDemo } from '../demo/seed.ts'
import { provideChineseFonts, provideChromium } from '../services/chromium.ts'
import { killGuarded, stopGuarded } from '../services/guarded-process.ts'
import { say, step } from '../services/progress.ts'
import { startServices } from '../services/services.ts'
import { onShutdownRequest } from '../services/shutdown-request.ts'
import { workspaceRoot } from '../services/workspace.ts'
import { createTestDataDir } from '../testing/test-data-dir.ts'
import { startTestSystem, type TestSystem } from '../testing/test-system.ts'

const FOLDER = join(workspaceRoot, 'docs/images')
const VIEWPORT = { width: 1200, height: 760 }
const OPS = { OPS_USER: 'ops', OPS_PASSWORD: 'screenshots' }

/** `npm run screenshots`: the README's pictures, taken from a demo system of its own. */
async function main(): Promise<void> {
  const chromium = await step('Chromium', async (note) => {
    const executable = await provideChromium(note)
    await provideChineseFonts(note)
    return executable
  })
  const folder = createTestDataDir()
  try {
    const services = await step('MySQL and Redis', (progress) =>
      startServices({ dataDir: folder.path, progress, keepData: false }),
    )
    const system = await step('Demo system', () => startDemoSystem(services))
    await step('Pictures', (note) => takePictures(chromium, system, note))
    await system.stop()
    await services.stop()
  } finally {
    folder.remove()
  }
}

async function startDemoSystem(urls: { databaseUrl: string; redisUrl: string }): Promise<TestSystem> {
  const system = await startTestSystem({ ...urls, variables: OPS })
  const api = createApiClient(apiUrlOf(system), system.token({ sub: 'demo' }))
  await seedDemo(api)
  await sendDemoMessage(api)
  return system
}

async function takePictures(chromium: string, system: TestSystem, note: (line: string) => void): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  const browser = await startBrowser(chromium)
  const take = async (name: string, page: Page, from?: Locator) => {
    // Nothing lights up because the pointer rests on it.
    await page.mouse.move(0, 0)
    await page.evaluate('scrollTo(0, 0)')
    await from?.evaluate((element) => element.scrollIntoView())
    await page.evaluate('document.fonts.ready')
    await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' })
    note(join(FOLDER, `${name}.png`))
  }
  try {
    const docs = await browser.newPage({ viewport: VIEWPORT })
    await openSwaggerUi(docs, apiUrlOf(system), system.token({ sub: 'demo' }))
    await take('swagger-ui', docs)
    const operation = await openOperation(docs, 'post', '/api/messages')
    await execute(operation)
    await take('swagger-ui-try-it-out', docs, operation)

    const [username, password] = [OPS.OPS_USER, OPS.OPS_PASSWORD]
    const board = await browser.newPage({ viewport: VIEWPORT, httpCredentials: { username, password } })
    await openQueue(board, apiUrlOf(system), '2 Channel DINGTALK')
    await jobOfMessage(board, FIRST_MESSAGE_ID).waitFor()
    await take('bull-board', board)

    const sandbox = await browser.newPage({ viewport: { ...VIEWPORT, width: 1000 } })
    await sandbox.goto(system.sandbox.url)
    await sandbox.getByText('live', { exact: true }).waitFor()
    await take('sandbox', sandbox)
  } finally {
    await browser.close()
  }
}

function apiUrlOf({ apis }: TestSystem): string {
  return apis[0]?.url ?? ''
}

onShutdownRequest(
  async (reason) => {
    await stopGuarded((name) => say(`${reason}: stopping ${name}`))
    process.exit(1)
  },
  () => {
    killGuarded()
    process.exit(1)
  },
)
try {
  await main()
  process.exit(0)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  await stopGuarded(() => {})
  process.exit(1)
}
