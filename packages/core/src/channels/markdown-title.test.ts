import { describe, expect, test } from 'vitest'
import { beginsWithTitle, titleFromText } from './markdown-title.ts'

describe('beginsWithTitle', () => {
  test.each(['Order', '# Order', '\n#### Order\nbody', '**Order**\nbody', '> **Order** \nbody'])('%j does', (text) => {
    expect(beginsWithTitle(text, 'Order')).toBe(true)
  })
  test.each(['Order 1', 'An Order', 'body\n# Order', '', `Order${' '.repeat(200_000)}x`])('%j does not', (text) => {
    expect(beginsWithTitle(text, 'Order')).toBe(false)
  })
  test('a title full of spaces takes no quadratic time', () => {
    const title = `a${' '.repeat(1_000_000)}b`
    expect(beginsWithTitle(`# ${title}`, title)).toBe(true)
  })
})

describe('titleFromText', () => {
  test.each([
    ['# Order 1\nbody', 'Order 1'],
    ['\n\n> **paid**', 'paid'],
    ['plain', 'plain'],
    ['###', ''],
    ['👍'.repeat(80), '👍'.repeat(50)],
  ])('%j', (text, expected) => {
    expect(titleFromText(text)).toBe(expected)
  })
})
