import type { Progress } from './service-kind.ts'

/** Prints one line for people. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

interface StepResult<T> {
  /** What to add to the last line. */
  summary?: (result: T) => string
  /** Whether the result counts as a success; without it all do. */
  succeeded?: (result: T) => boolean
}

/** One step that a person sees: its title at once, its notes indented, at the end whether it went well and how long it took. */
export async function step<T>(
  title: string,
  work: (note: Progress) => Promise<T>,
  { summary, succeeded = () => true }: StepResult<T> = {},
): Promise<T> {
  const started = Date.now()
  const took = () => `${((Date.now() - started) / 1000).toFixed(1)} s`
  say(`• ${title}`)
  try {
    const result = await work((line) => say(`    ${line}`))
    say(`  ${[succeeded(result) ? '✓' : '✗', took()].join(' ')}${summary ? `, ${summary(result)}` : ''}`)
    return result
  } catch (error) {
    say(`  ✗ ${took()}`)
    throw error
  }
}
