import type { Locator, Page } from 'playwright-core'

/** Where one of several examples of a body is chosen. */
const EXAMPLES = '.opblock-section-request-body .examples-select select'

/** What Swagger UI shows of the answer to a call that was tried out. */
export interface TriedOut {
  status: number
  body: string
}

/** Opens Swagger UI and gives it the token, as a person does by the button Authorize. */
export async function openSwaggerUi(page: Page, apiUrl: string, token: string): Promise<void> {
  await page.goto(`${apiUrl}/docs/`)
  await page.getByRole('button', { name: 'Authorize' }).click()
  const dialog = page.locator('.auth-container').filter({ hasText: '(http, Bearer)' })
  await dialog.locator('input').fill(token)
  await dialog.getByRole('button', { name: 'Apply credentials' }).click()
  await dialog.getByRole('button', { name: 'Close' }).click()
}

/**
 * Unfolds an operation and presses "Try it out", so that its fields can be filled.
 * @param method in lower case
 * @param path as in the document: `/api/templates/{id}`
 */
export async function openOperation(page: Page, method: string, path: string): Promise<Locator> {
  const operation = page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) })
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Try it out' }).click()
  return operation
}

/** The examples of an open operation's body by name; empty where it has one or none. */
export function exampleNames(operation: Locator): Promise<string[]> {
  return operation.locator(`${EXAMPLES} option`).allTextContents()
}

/** Puts the example of that name into the body. */
export async function chooseExample(operation: Locator, name: string): Promise<void> {
  await operation.locator(EXAMPLES).selectOption({ label: name })
}

/** Presses "Execute" and waits for the answer. */
export async function execute(operation: Locator): Promise<TriedOut> {
  // A person may execute twice: the former answer is not to be taken for the new one.
  const clear = operation.getByRole('button', { name: 'Clear' })
  if (await clear.isVisible()) await clear.click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  const answer = operation.locator('.live-responses-table .response')
  const text = async (part: string) => (await answer.locator(part).first().textContent()) ?? ''
  return { status: Number.parseInt(await text('.response-col_status'), 10), body: await text('.highlight-code code') }
}
