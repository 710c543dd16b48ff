import type { Progress } from './service-kind.ts'

/** Prints one line for people. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/**
 * One step that a person sees: its title at once, its notes indented, at the end how long it took.
 * @param summary what to add to the last line, from the step's result
 */
export async function step<T>(
  title: string,
  work: (note: Progress) => Promise<T>,
  summary?: (result: T) => string,
): Promise<T> {
  const started = Date.now()
  const took = () => `${((Date.now() - started) / 1000).toFixed(1)} s`
  say(`• ${title}`)
  try {
    const result = await work((line) => say(`    ${line}`))
    say(`  ✓ ${[took(), summary?.(result)].filter((part) => part !== undefined).join(', ')}`)
    return result
  } catch (error) {
    say(`  ✗ ${took()}`)
    throw error
  }
}
