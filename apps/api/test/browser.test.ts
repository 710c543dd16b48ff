import { faultsOf, type Page, startBrowser } from '@message-center/devkit/browser/browser.ts'
import { jobOfMessage, openQueue } from '@message-center/devkit/browser/bull-board.ts'
import {
  chooseExample,
  exampleNames,
  execute,
  openOperation,
  openSwaggerUi,
} from '@message-center/devkit/browser/swagger-ui.ts'
import { createApiClient } from '@message-center/devkit/demo/api-client.ts'
import { seedDemo } from '@message-center/devkit/demo/seed.ts'
import { findChromium } from '@message-center/devkit/services/chromium.ts'
import { finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'

// Without a graphics card, on a busy machine, a page takes its time.
vi.setConfig({ testTimeout: 180_000 })

/** `npm run test:browser` installs it where it can. */
const chromium = await findChromium()
const OPS = { OPS_USER: 'ops', OPS_PASSWORD: 'board-password' }

describe.skipIf(chromium === undefined)('in a browser', () => {
  let system: TestSystem
  let browser: Awaited<ReturnType<typeof startBrowser>>
  let apiUrl: string
  let docs: Page
  /** What Swagger UI did that it is not to do, in all tests. */
  let faults: string[]
  const token = () => system.token({ roles: ['admin'] })

  beforeAll(async () => {
    const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
    system = await startTestSystem({ ...urls, variables: OPS })
    apiUrl = system.apis[0]?.url ?? ''
    await seedDemo(createApiClient(apiUrl, token()))
    browser = await startBrowser(chromium ?? '')
    docs = await browser.newPage()
    faults = faultsOf(docs, apiUrl)
    await openSwaggerUi(docs, apiUrl, token())
  })
  afterAll(async () => {
    await browser?.close()
    await system?.stop()
  })

  test('an operator configures a channel, writes a template and sends a message in Swagger UI, and sees it on Bull Board', async () => {
    for (const path of ['/api/channel-configs', '/api/templates']) {
      const operation = await openOperation(docs, 'post', path)
      // The first as it stands, and another one that is chosen.
      expect([path, await execute(operation)]).toMatchObject([path, { status: 201 }])
      await chooseExample(operation, (await exampleNames(operation)).at(-1) ?? '')
      expect([path, await execute(operation)]).toMatchObject([path, { status: 201 }])
    }
    const { status, body } = await execute(await openOperation(docs, 'post', '/api/messages'))
    expect([status, body]).toEqual([202, expect.stringContaining('"success": true')])
    const { messageId }: { messageId: string } = JSON.parse(body)
    expect(await finalMessage(system.caller(), messageId)).toMatchObject({ status: 'SUCCESS', totalChannels: 3 })

    const [username, password] = [OPS.OPS_USER, OPS.OPS_PASSWORD]
    const board = await browser.newPage({ httpCredentials: { username, password } })
    const boardFaults = faultsOf(board, apiUrl)
    await openQueue(board, apiUrl, '2 Channel DINGTALK')
    const job = jobOfMessage(board, messageId)
    await job.waitFor()
    expect(await job.textContent()).toMatch(/tenantId:"1".*channelType:"DINGTALK"/)
    expect([...faults, ...boardFaults]).toEqual([])
  })

  test('an operation of each kind opens with its fields filled, and nothing that cannot be shown', async () => {
    const tags = docs.locator('.opblock-tag-section')
    await tags.first().waitFor()
    for (const tag of await tags.all()) {
      const withId = tag.locator('.opblock', { has: docs.locator('[data-path*="{"]') })
      const operation = (await withId.count()) > 0 ? withId.first() : tag.locator('.opblock').first()
      const name = await operation.locator('.opblock-summary-control').textContent()
      await operation.locator('.opblock-summary-control').click()
      await operation.getByRole('button', { name: 'Try it out' }).click()
      const fields = operation.locator('tr[data-param-in="path"] input, .opblock-section-request-body textarea')
      for (const field of await fields.all()) expect([name, await field.inputValue()]).not.toEqual([name, ''])
      expect(await operation.getByText(/Unknown Type|could not render/i).allTextContents()).toEqual([])
    }
    expect(faults).toEqual([])
  })

  test('the settings of a channel can be read by channel type and mode', async () => {
    const path = docs.locator('[data-path="/api/channel-configs/{id}"]')
    const operation = docs.locator('.opblock-put', { has: path })
    await operation.locator('.opblock-summary-control').click()
    await operation.locator('.opblock-section-request-body').getByText('Schema', { exact: true }).click()
    const body = operation.locator('.opblock-section-request-body')
    for (const settings of await body.locator('li', { has: docs.getByText('configJson', { exact: true }) }).all())
      await settings.getByRole('button', { name: 'Expand all' }).first().click()
    const text = await body.textContent()
    for (const word of [
      'DINGTALK 钉钉',
      'DingTalk robot',
      'DingTalk app',
      'WECHAT_WORK 企业微信',
      'WeCom robot',
      'WeCom app',
      'recipients',
      'appSecret',
      'corpSecret',
      'webhook',
    ])
      expect(text).toContain(word)
    expect(faults).toEqual([])
  })

  test('without the password the board opens nothing', async () => {
    const page = await browser.newPage()
    // Chromium would show its own dialog, which nobody answers here.
    await expect(page.goto(`${apiUrl}/queues`)).rejects.toThrow('ERR_INVALID_AUTH_CREDENTIALS')
  })
})
