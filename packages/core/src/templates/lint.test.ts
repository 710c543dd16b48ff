import { describe, expect, it } from 'vitest'
import { lintTemplate } from './lint.ts'

describe('lintTemplate', () => {
  it('finds nothing in a good template', () => {
    expect(lintTemplate({ messageType: 'TEXT', templateContent: 'Hi ${name}', maxBytes: 20 })).toEqual([])
  })

  it('says line and reason of a text', () => {
    expect(lintTemplate({ messageType: 'TEXT', templateContent: 'a\nb ${#x}' })).toEqual([
      {
        path: 'templateContent',
        line: 2,
        column: 3,
        message: 'line 2, column 3: section "x" is never closed by "${/x}"',
      },
    ])
  })

  it('says the place inside the JSON', () => {
    expect(lintTemplate({ messageType: 'LINK', templateContent: '{"title":"t","text":"x"}' })).toEqual([
      { path: 'templateContent.url', message: 'is required', line: undefined, column: undefined },
    ])
    const twoFaults = '{"title":"${","text":"${/x}","url":"${u}"}'
    expect(lintTemplate({ messageType: 'LINK', templateContent: twoFaults }).map(({ path }) => path)).toEqual([
      'templateContent.title',
      'templateContent.text',
    ])
  })

  it('refuses fixed text that the channel can never take, not what data may shorten', () => {
    const fits = { messageType: 'TEXT', templateContent: '信${x}信${#y}long optional text${/y}', maxBytes: 6 } as const
    expect(lintTemplate(fits)).toEqual([])
    expect(lintTemplate({ ...fits, maxBytes: 5 })).toEqual([
      { path: 'templateContent', message: 'the fixed text alone has 6 bytes, the channel takes 5' },
    ])
  })
})
