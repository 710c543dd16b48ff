import { expect, test } from 'vitest'
import { installAdvice } from './install-advice.ts'

test('names what is missing and what to do, per operating system', () => {
  const advice = installAdvice(['mysql', 'redis'])
  for (const part of ['MySQL and Redis', 'Debian', 'Fedora', 'macOS', 'Docker', 'DATABASE_URL']) {
    expect(advice).toContain(part)
  }
})

test('does not ask for what is there', () => {
  const advice = installAdvice(['redis'])
  expect(advice).toContain('brew install redis')
  expect(advice).not.toMatch(/mysql|DATABASE_URL/i)
})
