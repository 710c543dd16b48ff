import type { ConformanceCheck } from './check.ts'
import { configChecks } from './checks/config.ts'
import { descriptionChecks } from './checks/description.ts'
import { faultChecks } from './checks/faults.ts'
import { refusalChecks } from './checks/refusals.ts'
import { repetitionChecks } from './checks/repetition.ts'
import { secretChecks } from './checks/secrets.ts'
import { sendingChecks } from './checks/sending.ts'
import { sizeChecks } from './checks/size.ts'
import { tokenChecks } from './checks/tokens.ts'
import type { ConformanceFixture } from './fixture.ts'

export type { ConformanceCheck } from './check.ts'
export type {
  ConformanceFixture,
  ProviderAnswer,
  ProviderFixture,
  ProviderRequest,
  Refusal,
} from './fixture.ts'
export { forwardTo } from './forward-to.ts'

/**
 * Everything that a channel adapter must be able to do, as checks for any test runner:
 * `for (const { title, run } of conformanceChecks(fixture)) test(title, run)`
 */
export function conformanceChecks(fixture: ConformanceFixture): ConformanceCheck[] {
  // The checks to make depend on what the adapter says of itself; it is looked at without a provider.
  const adapter = fixture.createAdapter('http://127.0.0.1:9')
  return [
    ...descriptionChecks(fixture),
    ...configChecks(fixture),
    ...sendingChecks(fixture, adapter),
    ...sizeChecks(fixture, adapter),
    ...secretChecks(fixture),
    ...(fixture.provider
      ? [
          ...repetitionChecks(fixture, fixture.provider),
          ...tokenChecks(fixture, fixture.provider),
          ...refusalChecks(fixture, fixture.provider),
          ...faultChecks(fixture, fixture.provider),
        ]
      : []),
  ]
}
