import { findLimitedConfigs } from '@message-center/core/configs/candidates.ts'
import { type AdvanceDependencies, advanceLine } from '../delivery/advance-line.ts'

/**
 * Looks at the lines of all configs.
 * @returns what was done, for people
 */
export async function advanceLines(deps: AdvanceDependencies): Promise<string> {
  const advanced = await Promise.all((await findLimitedConfigs(deps.pool)).map((config) => advanceLine(config, deps)))
  return `${advanced.reduce((sum, count) => sum + count, 0)} slots have come closer`
}
