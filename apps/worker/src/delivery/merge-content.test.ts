import type { ChannelAdapter } from '@message-center/core/channels/adapter.ts'
import { ChannelError } from '@message-center/core/channels/channel-error.ts'
import { describe, expect, test } from 'vitest'
import { fits, goTogether, mergeParts, takesMerged } from './merge-content.ts'

const to = (...userIds: string[]) => ({ userIds, mobiles: [], all: false })
const part = (renderedContent: string, ...userIds: string[]) => ({ renderedContent, recipients: to(...userIds) })
const markdown = (title: string | undefined, text: string, ...userIds: string[]) =>
  part(JSON.stringify({ title, text }), ...userIds)

describe('contents', () => {
  test('of TEXT are lines; mentions are joined, nobody twice', () => {
    const merged = mergeParts('TEXT', [part('a', 'u1'), part('b\nc'), part('d', 'u2', 'u1')])
    expect(merged).toMatchObject({ content: 'a\nb\nc\nd', renderedContent: 'a\nb\nc\nd', recipients: to('u1', 'u2') })
  })

  test('of MARKDOWN are paragraphs under their own titles, which are not said twice', () => {
    const { content } = mergeParts('MARKDOWN', [
      markdown('Disk', '90 %'),
      markdown(undefined, 'plain'),
      markdown('Load', '# Load\nhigh'),
    ])
    expect(content).toEqual({ title: 'Disk', text: '#### Disk\n90 %\n\nplain\n\n# Load\nhigh' })
    expect(mergeParts('MARKDOWN', [markdown(undefined, 'a'), markdown('B', 'b')]).content).toEqual({
      text: 'a\n\n#### B\nb',
    })
  })
})

describe('recipients', () => {
  test('who is only mentioned does not keep messages apart, as long as all can be mentioned', () => {
    expect(goTogether(false, [to('a'), to('b'), to()])).toBe(true)
    const many = (prefix: string, count: number) => to(...Array.from({ length: count }, (_, n) => `${prefix}${n}`))
    expect(goTogether(false, [many('a', 25), many('b', 25)])).toBe(true)
    expect(goTogether(false, [many('a', 25), many('b', 26)])).toBe(false)
  })

  test('who is written to reads nothing that is for others', () => {
    expect(goTogether(true, [to('a', 'b'), to('b', 'a')])).toBe(true)
    expect(goTogether(true, [to('a'), to('a', 'b')])).toBe(false)
    expect(goTogether(true, [to('a'), { ...to('a'), all: true }])).toBe(false)
  })
})

describe('a channel', () => {
  const merged = mergeParts('TEXT', [part('12345'), part('汉')])
  const adapter = (fields: Partial<ChannelAdapter>) => fields as ChannelAdapter

  test('that says how much it takes is given no byte more', () => {
    expect(takesMerged(adapter({ maxBytes: 9 }), {})).toBe(true)
    expect(fits(adapter({ maxBytes: 9 }), {}, 'TEXT', merged)).toBe(true)
    expect(fits(adapter({ maxBytes: 8 }), {}, 'TEXT', merged)).toBe(false)
  })

  test('that can show its payload is asked for the mode of the config', () => {
    const robotOnly = adapter({ payloads: () => ({ robot: {} }) })
    expect(fits(robotOnly, { mode: 'robot' }, 'TEXT', merged)).toBe(true)
    expect(fits(robotOnly, { mode: 'app' }, 'TEXT', merged)).toBe(false)
    const tooLong = new ChannelError('PERMANENT', { code: 'CONTENT_TOO_LONG', message: 'over' })
    const refusing = adapter({
      payloads: () => {
        throw tooLong
      },
    })
    expect(fits(refusing, {}, 'TEXT', merged)).toBe(false)
  })

  test('that does not say it, or keeps an item per message, is given messages one by one', () => {
    expect(takesMerged(adapter({}), {})).toBe(false)
    expect(takesMerged(adapter({ maxBytes: 9, requiresRecipients: () => true }), {})).toBe(false)
  })
})
