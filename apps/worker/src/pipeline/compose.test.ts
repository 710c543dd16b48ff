import type { MessageContext, MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import { describe, expect, test } from 'vitest'
import { checkHandler, compose, orderHandlers } from './compose.ts'

type Handle = (next: () => Promise<void>, log: string[]) => Promise<void> | void

/** Runs handlers named a, b, c …; tells what happened in which order, and the steps that were reported. */
async function run(...handles: Handle[]) {
  const log: string[] = []
  const steps: string[] = []
  const handlers = handles.map((handle, index): MessageHandler => {
    const name = String.fromCharCode(97 + index)
    return { name, order: index, handle: async (_context, next) => handle(next, log) }
  })
  const chain = compose(handlers, (_context, handler) => steps.push(handler.name))
  const context: MessageContext = Object.create(null)
  const error = await chain(context).then(
    () => undefined,
    (thrown: Error) => thrown.message,
  )
  return { log, steps, error }
}

const through: Handle = (next) => next()
const around =
  (name: string): Handle =>
  async (next, log) => {
    log.push(`${name} in`)
    await next()
    log.push(`${name} out`)
  }

describe('the chain', () => {
  test('runs each handler around the rest', async () => {
    const { log, steps, error } = await run(around('a'), around('b'), around('c'))
    expect(log).toEqual(['a in', 'b in', 'c in', 'c out', 'b out', 'a out'])
    expect(steps).toEqual(['a', 'b', 'c'])
    expect(error).toBeUndefined()
  })

  test('ends where a handler does not call next', async () => {
    const { log, steps, error } = await run(around('a'), () => undefined, around('c'))
    expect(log).toEqual(['a in', 'a out'])
    expect(steps).toEqual(['a', 'b'])
    expect(error).toBeUndefined()
  })

  test.each<[string, Handle]>([
    [
      'waiting',
      async (next) => {
        await next()
        await next()
      },
    ],
    [
      'not waiting',
      async (next) => {
        next()
        next()
      },
    ],
    [
      'after it has ended',
      async (next) => {
        await next()
        await new Promise(setImmediate)
        return next()
      },
    ],
  ])('next() twice is an error, %s; the rest runs once', async (_title, twice) => {
    const { log, error } = await run(twice, around('b'))
    expect(error).toBe("handler 'a' called next() twice")
    expect(log).toEqual(['b in', 'b out'])
  })

  test.each<[string, Handle]>([
    ['passes it on', through],
    ['does not wait for it', (next) => void next()],
    ['catches it', (next) => next().catch(() => undefined)],
  ])('a fault of the rest reaches the caller where a handler %s', async (_title, handle) => {
    const { error } = await run(handle, () => Promise.reject(new Error('database away')))
    expect(error).toBe('database away')
  })

  test('waits for the rest where a handler does not', async () => {
    const { log } = await run(
      (next) => void next(),
      async (_next, entries) => {
        await new Promise(setImmediate)
        entries.push('done')
      },
    )
    expect(log).toEqual(['done'])
  })

  test('a handler that throws before it calls next ends the chain, a plain function too', async () => {
    const { log, error, steps } = await run(() => {
      throw new Error('broken')
    }, around('b'))
    expect({ log, error, steps }).toEqual({ log: [], error: 'broken', steps: [] })
  })

  test('of no handlers ends at once', async () => {
    expect(await run()).toEqual({ log: [], steps: [], error: undefined })
  })
})

describe('the order', () => {
  const handler = (name: string, order: number): MessageHandler => ({ name, order, handle: async () => undefined })
  const names = (...handlers: MessageHandler[]) => orderHandlers(handlers).map(({ name }) => name)

  test('is by number; of equal number as given', () => {
    expect(
      names(handler('c', 300), handler('x', 200), handler('a', -1), handler('b', 200.5), handler('y', 200)),
    ).toEqual(['a', 'x', 'y', 'b', 'c'])
  })

  test('no two have the same name', () => {
    expect(() => names(handler('a', 1), handler('a', 2))).toThrow("message handler 'a' is registered twice")
  })

  test.each<Record<string, unknown>>([
    { name: '', order: 1, handle: () => undefined },
    { order: 1, handle: () => undefined },
    { name: 'a', order: '1', handle: () => undefined },
    { name: 'a', order: Number.NaN, handle: () => undefined },
    { name: 'a', order: 1, handle: {} },
  ])('a module must be a handler: %o is none', (module) => {
    expect(() => checkHandler(Object.assign(module))).toThrow('must have a name, a numeric order and a function handle')
  })
})
