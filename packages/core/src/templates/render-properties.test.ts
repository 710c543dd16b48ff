import fc from 'fast-check'
import mustache from 'mustache'
import { describe, expect, it } from 'vitest'
import { parseLossless } from './lossless-json.ts'
import { parseTemplate } from './parse.ts'
import { renderTemplate } from './render.ts'
import { MissingVariablesError, TemplateRenderError } from './render-error.ts'
import { variablesOf } from './variables.ts'

const NAMES = ['a', 'b', 'c', '订单']
const name = fc.constantFrom(...NAMES)
/** Text that might be mistaken for a tag, JSON or a replacement pattern. */
const nasty = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('${a}', '${#a}', '${/a}', '${>a}', '"', '\\', '"}', '\n', '$&', '{{a}}', '\u2028', '</script>'),
  fc.array(fc.constantFrom('$', '{', '}', '"', '\\', 'a', '#', ','), { maxLength: 12 }).map((parts) => parts.join('')),
)
const scalar = fc.oneof(nasty, fc.integer(), fc.boolean())
const isPresent = (value: unknown) => value !== null
/** No null in lists: mustache itself breaks on a name looked up in one. */
const data = fc.letrec<{ value: unknown; list: unknown[]; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, fc.constant(null), tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 3 }).map((values) => values.filter(isPresent)),
  object: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
})).object

const variable = fc
  .oneof(
    name,
    fc.tuple(name, name).map((parts) => parts.join('.')),
  )
  .map((path) => `\${${path}}`)
const template = fc
  .letrec<{ piece: string; pieces: string }>((tie) => ({
    piece: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('text', ' ', '\n', '$', '}', '${! c }', '名'),
      variable,
      fc
        .tuple(fc.constantFrom('#', '^'), name, tie('pieces'))
        .map(([kind, n, inside]) => `\${${kind}${n}}${inside}\${/${n}}`),
    ),
    pieces: fc.array(tie('piece'), { maxLength: 4 }).map((pieces) => pieces.join('')),
  }))
  .pieces.map((pieces) => `x${pieces}`)

function outcomeOf(content: string, view: Record<string, unknown>) {
  try {
    return renderTemplate(parseTemplate('TEXT', content), view).content
  } catch (error) {
    if (error instanceof TemplateRenderError) return error
    throw error
  }
}

describe('rendering', () => {
  it('gives what mustache gives, wherever it succeeds', () => {
    let compared = 0
    fc.assert(
      fc.property(template, data, (content, view) => {
        const outcome = outcomeOf(content, view)
        if (outcome instanceof Error) return
        compared += 1
        expect(outcome).toBe(mustache.render(content, view, undefined, { tags: ['${', '}'], escape: String }))
      }),
      { numRuns: 3000 },
    )
    expect(compared).toBeGreaterThan(300)
  })

  it('puts every string in verbatim, whatever it looks like', () => {
    fc.assert(
      fc.property(nasty, nasty, (a, b) => {
        expect(outcomeOf('<${a}|${b.c}>', { a, b: { c: b } })).toBe(`<${a}|${b}>`)
      }),
    )
  })

  it('names exactly the variables that the data lacks', () => {
    fc.assert(
      fc.property(
        fc.array(name, { minLength: 1 }),
        fc.dictionary(name, fc.string(), { noNullPrototype: true }),
        (used, view) => {
          const lacking = [...new Set(used)].filter((n) => !Object.hasOwn(view, n))
          const outcome = outcomeOf(`x${used.map((n) => `\${${n}}`).join(' ')}`, view)
          if (lacking.length === 0) expect(outcome).toBe(`x${used.map((n) => view[n]).join(' ')}`)
          else expect(outcome).toMatchObject({ missing: lacking })
        },
      ),
    )
  })

  it('succeeds once what was missing is there', () => {
    fc.assert(
      fc.property(template, (content) => {
        const first = outcomeOf(content, {})
        fc.pre(first instanceof MissingVariablesError)
        const filled: Record<string, unknown> = {}
        for (const path of first instanceof MissingVariablesError ? first.missing : []) {
          const [head = '', tail] = path.split('.')
          fc.pre(!(head in filled) || (tail !== undefined && typeof filled[head] === 'object'))
          filled[head] = tail === undefined ? 'v' : { ...Object(filled[head]), [tail]: 'v' }
        }
        // The new values may open sections, whose variables are missing in turn: none of the first may be.
        const second = outcomeOf(content, filled)
        const still = second instanceof MissingVariablesError ? second.missing : []
        expect(still.filter((path) => first instanceof MissingVariablesError && first.missing.includes(path))).toEqual(
          [],
        )
      }),
    )
  })

  it('lists every missing variable of a plain template among its variables', () => {
    fc.assert(
      fc.property(template, (content) => {
        const outcome = outcomeOf(content, {})
        fc.pre(outcome instanceof MissingVariablesError)
        const missing = outcome instanceof MissingVariablesError ? outcome.missing : []
        expect(variablesOf(parseTemplate('TEXT', content))).toEqual(expect.arrayContaining([...missing]))
      }),
    )
  })

  it('always gives valid JSON with the strings unharmed', () => {
    const card = parseTemplate(
      'CARD',
      '{"title":"T${a}","text":"${a}\\n${b}!","buttons":[{"title":"B${b}","url":"https://x.example/${a}"}]}',
    )
    fc.assert(
      fc.property(nasty, nasty, (a, b) => {
        const { content, renderedContent } = renderTemplate(card, { a, b })
        const expected = {
          title: `T${a}`,
          text: `${a}\n${b}!`,
          buttons: [{ title: `B${b}`, url: `https://x.example/${a}` }],
        }
        expect(content).toEqual(expected)
        expect(JSON.parse(renderedContent)).toEqual(expected)
      }),
    )
  })

  it('keeps the digits of every number', () => {
    const number = fc.stringMatching(/^-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?$/)
    fc.assert(
      fc.property(number, (source) => {
        expect(outcomeOf('${n}', Object(parseLossless(`{"n":${source}}`)))).toBe(source)
      }),
    )
  })

  it('finds nothing in prototypes', () => {
    const names = [Object.prototype, Array.prototype, String.prototype, Number.prototype].flatMap(
      Object.getOwnPropertyNames,
    )
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.constantFrom('', 'a.', 'l.', 's.', 'n.', 'r.'), (property, prefix) => {
        const view = { a: {}, l: [], s: 'text', n: 5, r: JSON.rawJSON('1.0') }
        expect(outcomeOf(`\${${prefix}${property}}`, view)).toMatchObject({ missing: [`${prefix}${property}`] })
      }),
    )
  })
})

describe('parsing', () => {
  it('takes a text or refuses it with line and column: nothing gets through to an error of mustache', () => {
    const soup = fc
      .array(fc.constantFrom('${', '}', '{', '#a', '/a', '^a', 'a', ' ', '\n', '!', '>', '&', '=', '.', '$'), {
        minLength: 1,
      })
      .map((parts) => `x${parts.join('')}`)
    fc.assert(
      fc.property(soup, (content) => {
        try {
          parseTemplate('TEXT', content)
        } catch (error) {
          expect(error).toMatchObject({ name: 'TemplateError', line: expect.any(Number), column: expect.any(Number) })
        }
      }),
      { numRuns: 3000 },
    )
  })
})
