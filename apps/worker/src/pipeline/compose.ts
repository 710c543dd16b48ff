import type { MessageContext, MessageHandler } from '@message-center/core/pipeline/message-handler.ts'

/** Called when a handler has handed on or ended: how long it took by itself. */
export type StepObserver<Context> = (
  context: Context,
  handler: MessageHandler,
  startedAt: Date,
  durationMs: number,
) => void

/**
 * Chains handlers in the way of koa: each runs around the rest. A fault of the rest reaches the caller even where a handler
 * forgets to await `next()`, or catches what it throws.
 * @returns a function that resolves when the chain has ended, wherever it ended
 */
export function compose<Context extends MessageContext>(
  handlers: readonly MessageHandler[],
  onStep: StepObserver<Context>,
): (context: Context) => Promise<void> {
  async function runFrom(index: number, context: Context): Promise<void> {
    const handler = handlers[index]
    if (!handler) return
    const startedAt = new Date()
    const start = performance.now()
    let rest: Promise<void> | undefined
    const next = (): Promise<void> => {
      if (rest) throw new Error(`handler '${handler.name}' called next() twice`)
      onStep(context, handler, startedAt, performance.now() - start)
      rest = runFrom(index + 1, context)
      // Looked at below, whether the handler does or not; until then it must not count as unhandled.
      rest.catch(() => undefined)
      return rest
    }
    const own = (async () => handler.handle(context, next))()
    const [ended] = await Promise.allSettled([own])
    await rest
    if (ended.status === 'rejected') throw ended.reason
    if (!rest) onStep(context, handler, startedAt, performance.now() - start)
  }
  return (context) => runFrom(0, context)
}

/**
 * A module from outside is not type-checked.
 * @throws Error saying what it lacks
 */
export function checkHandler({ name, order, handle }: MessageHandler): void {
  if (typeof name !== 'string' || name === '' || !Number.isFinite(order) || typeof handle !== 'function') {
    throw new Error(`message handler '${name}' must have a name, a numeric order and a function handle`)
  }
}

/**
 * The order in which handlers run; of equal order, as given.
 * @throws Error where two share a name
 */
export function orderHandlers(handlers: readonly MessageHandler[]): MessageHandler[] {
  const names = new Set<string>()
  for (const { name } of handlers) {
    if (names.has(name)) throw new Error(`message handler '${name}' is registered twice`)
    names.add(name)
  }
  return handlers.toSorted((a, b) => a.order - b.order)
}
