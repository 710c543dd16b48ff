import type { Locator, Page } from 'playwright-core'

/** Opens Bull Board, whose page has the user and password as `httpCredentials`, and from there a queue. */
export async function openQueue(page: Page, apiUrl: string, displayName: string): Promise<void> {
  await page.goto(`${apiUrl}/queues`)
  await page.getByRole('link', { name: displayName }).click()
}

/** The card of the open queue's job whose data names a message. */
export function jobOfMessage(page: Page, messageId: string): Locator {
  return page.locator('main [class^=card]', { hasText: messageId })
}
