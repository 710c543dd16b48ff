import { describe, expect, it } from 'vitest'
import type { MessageType } from '../contracts/content.ts'
import { parseTemplate } from './parse.ts'
import { TemplateError } from './template-error.ts'

function errorOf(messageType: MessageType, content: string): TemplateError {
  try {
    parseTemplate(messageType, content)
  } catch (error) {
    if (error instanceof TemplateError) return error
    throw error
  }
  throw new Error(`parsed: ${content}`)
}

const link = (fields: object) => JSON.stringify({ title: 't', text: 'x', url: 'https://a.example', ...fields })

describe('tags', () => {
  it.each([
    ['unclosed tag', 'Hello\nMr ${name', 2, 4, 'never closed by "}"'],
    ['unclosed section', 'a\n ${#items}\nb\n', 2, 2, 'section "items" is never closed'],
    ['the innermost unclosed section', '${#a}\n${^b}x', 2, 1, 'section "b" is never closed'],
    ['unopened section', 'a ${/items}', 1, 3, 'never opened'],
    ['crossed sections', '${#a}\r\n${#b}${/a}${/b}', 2, 6, 'section "b" must be closed first'],
    ['partial', 'x${> other}', 1, 2, 'partials'],
    ['change of delimiters', '${=<% %>=}', 1, 1, 'delimiters'],
    ['no name', 'x ${ } y', 1, 3, 'no name'],
    ['section without name', '${#}${/}', 1, 1, 'no name'],
    ['nested tag', '${a ${b} }', 1, 1, '"a ${b" is no variable name'],
    ['expression', '${price * 2}', 1, 1, '"price * 2" is no variable name'],
    ['index', '${items[0].name}', 1, 1, 'no variable name'],
    ['empty parts', '${a..b}', 1, 1, 'no variable name'],
    ['open triple', '${{x} }}', 1, 1, 'not closed by "}}"'],
    ['entry outside a section', 'x${.}', 1, 2, 'there is none around it'],
  ])('refuses with line and column: %s', (_case, content, line, column, reason) => {
    const error = errorOf('TEXT', content)
    expect(error).toMatchObject({ line, column, reason: expect.stringContaining(reason) })
    expect(error.message).toContain(`line ${line}, column ${column}`)
  })

  it('shortens what it quotes', () => {
    expect(errorOf('TEXT', `\${${'a b'.repeat(100)}}`).reason.length).toBeLessThan(150)
  })

  it.each([
    'plain } and { and $ and $5 and {{x}}',
    '${订单号} ${a-b_c.d9} ${@type} ${items.0.name} ${$ref}',
    '${ spaced } ${ # s } ${ . } ${ / s }',
    '${! comment with anything: {>= ${ }',
    '\\${x}',
  ])('takes %s', (content) => {
    expect(parseTemplate('TEXT', content).messageType).toBe('TEXT')
  })

  it('bounds the nesting of sections and the length of a tag', () => {
    const nested = (depth: number) => `${'${#a}'.repeat(depth)}x${'${/a}'.repeat(depth)}`
    expect(parseTemplate('TEXT', nested(32))).toBeDefined()
    expect(errorOf('TEXT', nested(33)).reason).toContain('nested deeper')
    // Mustache alone would need seconds for this one.
    expect(errorOf('TEXT', `\${!${' '.repeat(60_000)}x}`).reason).toContain('longer than 1000')
  })

  it.each(['', ' \n\t'])('refuses the empty template %j', (content) => {
    expect(errorOf('TEXT', content).reason).toContain('empty')
  })

  it('refuses what the table could not keep', () => {
    expect(errorOf('TEXT', '信'.repeat(21_846)).reason).toContain('65535 bytes')
    expect(parseTemplate('TEXT', '信'.repeat(21_845))).toBeDefined()
  })
})

describe('JSON templates', () => {
  it.each([
    ['{"title":"a",\n "text": ${x}}', 2, 10],
    ['{"title":"a",\n}', 2, 1],
    ['{"title":"a"', 1, 13],
    ['not json', 1, 2],
    ['{"title":"a"} x', 1, 15],
    ['{"title":"a\nb"}', 1, 12],
    ['{"title":]', 1, 10],
    [`${' '.repeat(30)}{"title": 'a', "text": "a long text after it", "url": "https://a.example"}`, 1, 41],
  ])('says where %j stops being JSON', (content, line, column) => {
    expect(errorOf('LINK', content)).toMatchObject({
      line,
      column,
      reason: expect.stringMatching(/^not valid JSON: [^{]*$/),
    })
  })

  it.each<[MessageType, string, string, string]>([
    ['LINK', link({ color: 'red' }), 'color', 'is not a known field'],
    ['LINK', '{"title":"t","text":"x"}', 'url', 'is required'],
    ['LINK', link({ title: 5 }), 'title', 'must be string'],
    ['LINK', link({ title: '' }), 'title', 'must NOT have fewer than 1 characters'],
    ['LINK', link({ url: 'a.example/x' }), 'url', 'must match pattern'],
    ['LINK', '[]', '', 'must be object'],
    ['LINK', '{"__proto__":"x","title":"t","text":"x","url":"https://a.example"}', '__proto__', 'is not a known field'],
    ['CARD', '{"title":"t","text":"x","buttons":[]}', 'buttons', 'fewer than 1 items'],
    ['CARD', '{"title":"t","text":"x","buttons":[{"title":"b"}]}', 'buttons.0.url', 'is required'],
    [
      'CARD',
      '{"title":"t","text":"x","buttons":[{"title":"b","url":"${u}"}],"vertical":"${v}"}',
      'vertical',
      'must be boolean',
    ],
    ['MARKDOWN', '{"title":1,"text":"x"}', 'title', 'must be string'],
  ])('%s %s is refused with its path', (messageType, content, path, reason) => {
    expect(errorOf(messageType, content)).toMatchObject({ path, reason: expect.stringContaining(reason) })
  })

  it('names every string with a bad tag, with line and column inside it', () => {
    const content = '{"title":"a ${b","text":"x\\n${/y}","buttons":[{"title":"${#z}","url":"${u}"}]}'
    expect(errorOf('CARD', content).issues).toMatchObject([
      { path: 'title', line: 1, column: 3 },
      { path: 'text', line: 2, column: 1 },
      { path: 'buttons.0.title', line: 1, column: 1 },
    ])
  })

  it('takes a URL that only the data completes', () => {
    expect(parseTemplate('LINK', link({ url: '${detailUrl}', picUrl: '${base}/x.png' }))).toBeDefined()
  })

  it('survives hostile nesting', () => {
    expect(errorOf('LINK', `${'['.repeat(30_000)}${']'.repeat(30_000)}`).reason).toContain('nested too deeply')
    expect(errorOf('LINK', '['.repeat(60_000)).reason).toContain('not valid JSON')
  })
})

describe('MARKDOWN', () => {
  const isJson = (content: string) => {
    const { root } = parseTemplate('MARKDOWN', content)
    return root.kind === 'object' && root.entries.some(([, part]) => part.kind === 'text' && part.path !== '')
  }

  it.each(['{"title":"a","text":"b"}', ' \n{"text":"${b}"}'])('%j is JSON', (content) => {
    expect(isJson(content)).toBe(true)
  })

  it.each([
    '# hi',
    '{x} is markdown',
    '{"text":"b"',
    '{"text":5}',
    '{"title":"a"}',
    '{"text":"b","x":1}',
    '["text"]',
    '"text"',
    '{}',
  ])('%j is markdown', (content) => expect(isJson(content)).toBe(false))
})

describe('cache', () => {
  it('gives the same object for the same type and content only', () => {
    const content = '{"text":"cached ${x}"}'
    expect(parseTemplate('MARKDOWN', content)).toBe(parseTemplate('MARKDOWN', content))
    expect(parseTemplate('TEXT', content).messageType).toBe('TEXT')
  })

  it('does not keep errors', () => {
    expect(errorOf('TEXT', '${').reason).toBe(errorOf('TEXT', '${').reason)
  })
})
