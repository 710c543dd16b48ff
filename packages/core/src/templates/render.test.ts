import { describe, expect, it } from 'vitest'
import type { MessageType } from '../contracts/content.ts'
import { buildTemplateData } from './data.ts'
import { parseLossless } from './lossless-json.ts'
import { parseTemplate } from './parse.ts'
import { renderTemplate } from './render.ts'
import { MissingVariablesError, TemplateRenderError } from './render-error.ts'

const render = (messageType: MessageType, content: string, data: Record<string, unknown>) =>
  renderTemplate(parseTemplate(messageType, content), data)
const text = (content: string, data: Record<string, unknown>) => render('TEXT', content, data).renderedContent

function errorOf(messageType: MessageType, content: string, data: Record<string, unknown>): TemplateRenderError {
  try {
    render(messageType, content, data)
  } catch (error) {
    if (error instanceof TemplateRenderError) return error
    throw error
  }
  throw new Error(`rendered: ${content}`)
}

function missing(content: string, data: Record<string, unknown>): readonly string[] {
  const error = errorOf('TEXT', content, data)
  return error instanceof MissingVariablesError ? error.missing : []
}

describe('TEXT', () => {
  it.each<[string, string, Record<string, unknown>, string]>([
    ['variable', '您的订单 ${orderNo} 已发货', { orderNo: 'A1' }, '您的订单 A1 已发货'],
    ['no escaping', '${a} ${&a} ${{a}}', { a: '<b>&"\'' }, '<b>&"\' <b>&"\' <b>&"\''],
    ['dotted', '${a.b.c}', { a: { b: { c: 1 } } }, '1'],
    ['list index', '${items.1.n}', { items: [{ n: 1 }, { n: 2 }] }, '2'],
    ['list', '${#items}${n},${/items}', { items: [{ n: 1 }, { n: 2 }] }, '1,2,'],
    ['entries', '${#tags}[${.}]${/tags}', { tags: ['a', 0, false] }, '[a][0][false]'],
    ['outer names', '${#items}${n}${unit}${/items}', { items: [{ n: 1 }], unit: 'kg' }, '1kg'],
    ['object section', '${#buyer}${name}${/buyer}', { buyer: { name: 'Li' } }, 'Li'],
    ['flag section', '${#vip}${name}${/vip}', { vip: true, name: 'Li' }, 'Li'],
    ['text section', '${#note}: ${.}${/note}', { note: 'x' }, ': x'],
    ['inverted', '${^items}none${/items}', { items: [] }, 'none'],
    ['absent section', 'x${#items}${n}${/items}${^items}none${/items}', {}, 'xnone'],
    ['null section', 'x${#items}${n}${/items}', { items: null }, 'x'],
    ['standalone lines', 'a\n${#items}\n- ${n}\n${/items}\nb', { items: [{ n: 1 }, { n: 2 }] }, 'a\n- 1\n- 2\nb'],
    ['comment', 'a${! not shown }b', {}, 'ab'],
    ['dollar', '$${price} \\${price} } {', { price: 5 }, '$5 \\5 } {'],
    ['empty, zero and false are values', '[${a}${b}${c}]', { a: '', b: 0, c: false }, '[0false]'],
    ['own keys with odd names', '${constructor} ${toString}', { constructor: 'x', toString: 'y' }, 'x y'],
  ])('%s', (_case, content, data, expected) => {
    expect(render('TEXT', content, data)).toEqual({ content: expected, renderedContent: expected })
  })

  it('prints numbers with the digits they were sent with', () => {
    const data = parseLossless('{"no":1234567890123456789,"price":99.00,"big":1e400,"n":7,"zero":0.00,"d":[1.50]}')
    expect(text('${no} ${price} ${big} ${n} ${#d}${.}${/d}', { ...Object(data) })).toBe(
      '1234567890123456789 99.00 1e400 7 1.50',
    )
    expect(text('x${#zero}full${/zero}${^zero}empty${/zero}', { ...Object(data) })).toBe('xempty')
    expect(text('${#price}${.} ${n}${/price}', { ...Object(data) })).toBe('99.00 7')
    expect(missing('${price.rawJSON}', { ...Object(data) })).toEqual(['price.rawJSON'])
  })

  it('does not render values again', () => {
    expect(text('${a}', { a: '${b} ${#c}', b: 'secret' })).toBe('${b} ${#c}')
  })
})

describe('missing variables', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ['${a} ${b.c} ${d} ${a}', { d: 1 }, ['a', 'b.c']],
    ['${a}', { a: null }, ['a']],
    ['${a.b}', { a: 'text' }, ['a.b']],
    ['${#items}${n} ${price}${/items}', { items: [{ n: 1, price: 2 }, { n: 3 }] }, ['items[].price']],
    ['${#o}${#items}${x}${/items}${/o}', { o: { items: [{}] } }, ['o.items[].x']],
    ['${#vip}${level}${/vip}${#n}${x}${/n}', { vip: true, n: 5 }, ['level', 'x']],
    ['${#tags}${.}${/tags}', { tags: ['a', null] }, ['tags[]']],
    ['${^items}${note}${/items}', {}, ['note']],
    ['${#items}${never}${/items}${^full}ok${/full}${x}', { items: [] }, ['x']],
  ])('%s with %j lacks %j', (content, data, expected) => {
    const error = errorOf('TEXT', content, data)
    expect(missing(content, data)).toEqual(expected)
    expect(error.message).toBe(`missing variables: ${expected.join(', ')}`)
    expect(error.code).toBe('TEMPLATE_RENDER_FAILED')
  })

  it('are gathered over all strings of a JSON template', () => {
    const card = '{"title":"${a}","text":"${b}","buttons":[{"title":"${c}","url":"https://x.example/${d}"}]}'
    expect(errorOf('CARD', card, { b: 1 })).toMatchObject({ missing: ['a', 'c', 'd'] })
  })

  it.each([
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'a.length',
    'list.length',
    'a.constructor',
    'list.map',
    'o.__proto__',
  ])('never come from a prototype: %s', (name) => {
    expect(missing(`\${${name}}`, { a: 'text', list: [1], o: {} })).toEqual([name])
    expect(text(`x\${#${name}}y\${/${name}}`, { a: 'text', list: [1], o: {} })).toBe('x')
  })
})

describe('other failures', () => {
  it('refuses objects, lists and functions as text, beside what is missing', () => {
    const data = { buyer: { name: 'secret' }, items: ['secret'], call: () => 'secret' }
    const error = errorOf('TEXT', '${buyer} ${items} ${call}', data)
    expect(error).not.toBeInstanceOf(MissingVariablesError)
    expect(error.problems.map(({ path }) => path)).toEqual(['buyer', 'items', 'call'])
    expect(error.message).toContain('buyer is an object')
    expect(errorOf('TEXT', '${#flag}${.}${/flag}', { flag: true }).message).toMatch(/^\. is an object/)
    const both = errorOf('TEXT', '${buyer} ${x}', data)
    expect(both).toMatchObject({ missing: ['x'], message: expect.stringContaining('buyer is an object') })
    expect(error.message + both.message).not.toContain('secret')
  })

  it('never calls a function in a section', () => {
    const call = () => {
      throw new Error('called')
    }
    expect(text('${#call}x${/call}', { call })).toBe('x')
  })

  it.each<[MessageType, string, Record<string, unknown>, string]>([
    ['TEXT', '${a}', { a: '' }, 'content'],
    ['MARKDOWN', '${a}', { a: '' }, 'text'],
    ['LINK', '{"title":"${a}","text":"x","url":"https://x.example"}', { a: '' }, 'title'],
    ['CARD', '{"title":"t","text":"x","buttons":[{"title":"b","url":"${a}"}]}', { a: 'secret' }, 'buttons.0.url'],
  ])('%s %s with %j names %s', (messageType, content, data, path) => {
    const error = errorOf(messageType, content, data)
    expect(error).toMatchObject({ code: 'TEMPLATE_RENDER_FAILED', problems: [{ path }] })
    expect(error.message).toContain(path)
    expect(error.message).not.toContain('secret')
  })

  it('refuses what the database could not keep', () => {
    expect(text('${a}', { a: '信'.repeat(21_845) })).toHaveLength(21_845)
    expect(errorOf('TEXT', '${a}', { a: '信'.repeat(21_846) }).code).toBe('CONTENT_TOO_LONG')
    const list = { l: Array(1000).fill('x'.repeat(100)) }
    // Stops at once instead of building it all: the variable after it is not even looked at.
    expect(errorOf('TEXT', '${#l}${.}${/l}${missing}', list).code).toBe('CONTENT_TOO_LONG')
  })

  it('stops sections that multiply', () => {
    const content = `${'${#l}'.repeat(8)}${'${/l}'.repeat(8)}end`
    const error = errorOf('TEXT', content, { l: Array(1000).fill({ x: 1 }) })
    expect(error).toMatchObject({ code: 'TEMPLATE_RENDER_FAILED', message: expect.stringContaining('too many steps') })
  })

  it('stops looking long names up through many sections, which would take half a minute', () => {
    const chain = (depth: number): object => ({ a: depth === 0 ? 1 : chain(depth - 1) })
    const names = `\${${'a.'.repeat(28)}z}`.repeat(900)
    const content = `${'${#o}'.repeat(30)}\${#l}${names}\${/l}${'${/o}'.repeat(30)}`
    const error = errorOf('TEXT', content, { o: chain(28), l: Array(10).fill(0) })
    expect(error).toMatchObject({ code: 'TEMPLATE_RENDER_FAILED', message: expect.stringContaining('too many steps') })
  })
})

describe('the other types', () => {
  it('renders MARKDOWN with and without JSON', () => {
    expect(render('MARKDOWN', '# ${a}', { a: 1 })).toEqual({
      content: { text: '# 1' },
      renderedContent: '{"text":"# 1"}',
    })
    expect(render('MARKDOWN', '{"title":"${a}","text":"b"}', { a: 'q"' }).content).toEqual({ title: 'q"', text: 'b' })
  })

  it('renders a CARD, keeping its flag', () => {
    const card = '{"title":"${t}","text":"x","buttons":[{"title":"看","url":"${base}/1"}],"vertical":true}'
    expect(render('CARD', card, { t: 'T', base: 'https://x.example' }).content).toEqual({
      title: 'T',
      text: 'x',
      buttons: [{ title: '看', url: 'https://x.example/1' }],
      vertical: true,
    })
  })

  it('leaves an optional text out when it renders empty', () => {
    const link = '{"title":"t","text":"x","url":"https://x.example","picUrl":"${#pic}${.}${/pic}"}'
    expect(render('LINK', link, {}).content).toEqual({ title: 't', text: 'x', url: 'https://x.example' })
    expect(render('LINK', link, { pic: 'https://p.example' }).content).toHaveProperty('picUrl', 'https://p.example')
    expect(render('MARKDOWN', '{"title":"${a}","text":"x"}', { a: '' }).content).toEqual({ text: 'x' })
  })
})

describe('buildTemplateData', () => {
  const message = { messageId: 'm1', tenantId: '7', storeId: null, businessType: 'ORDER' }

  it('puts businessData at the root; attributes and message win over keys of it', () => {
    const businessData = { a: 1, attributes: 'mine', message: 'mine' }
    const data = buildTemplateData({ businessData, attributes: { x: 2 }, message })
    expect(text('${a} ${attributes.x} ${message.messageId} ${message.tenantId} ${message.businessType}', data)).toBe(
      '1 2 m1 7 ORDER',
    )
  })

  it('has no store on a message of the tenant', () => {
    const data = buildTemplateData({ businessData: {}, message })
    expect(missing('${message.storeId} ${attributes.x}', data)).toEqual(['message.storeId', 'attributes.x'])
    expect(text('x${#message.storeId}at ${.}${/message.storeId}', data)).toBe('x')
  })
})
