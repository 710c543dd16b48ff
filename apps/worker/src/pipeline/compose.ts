import type { MessageContext, MessageHandler } from '@message-center/core/pipeline/message-handler.ts'

/** Called when a handler has handed on or ended: how long it took by itself. */
export type StepObserver<Context> = (
  context: Context,
  handler: MessageHandler,
  startedAt: Date,
  durationMs: number,
) => void

/**
 * Chains handlers in the way of koa: each runs around the rest. An error passes through all of them to the caller.
 * @returns a function that resolves when the chain has ended, wherever it ended
 */
export function compose<Context extends MessageContext>(
  handlers: readonly MessageHandler[],
  onStep: StepObserver<Context>,
): (context: Context) => Promise<void> {
  return async (context) => {
    let last = -1
    const run = async (index: number): Promise<void> => {
      if (index <= last) throw new Error(`handler '${handlers[index - 1]?.name}' called next() twice`)
      last = index
      const handler = handlers[index]
      if (!handler) return
      const startedAt = new Date()
      const start = performance.now()
      let reported = false
      const report = () => {
        if (reported) return
        reported = true
        onStep(context, handler, startedAt, performance.now() - start)
      }
      await handler.handle(context, () => {
        report()
        return run(index + 1)
      })
      report()
    }
    await run(0)
  }
}

/**
 * The order in which handlers run.
 * @throws Error where two share a name, or one is malformed
 */
export function orderHandlers(handlers: readonly MessageHandler[]): MessageHandler[] {
  const names = new Set<string>()
  for (const { name, order, handle } of handlers) {
    if (!name || !Number.isFinite(order) || typeof handle !== 'function') {
      throw new Error(`message handler '${name}' must have a name, a numeric order and a function handle`)
    }
    if (names.has(name)) throw new Error(`message handler '${name}' is registered twice`)
    names.add(name)
  }
  return handlers.toSorted((a, b) => a.order - b.order)
}
