import assert from 'node:assert/strict'
import type { ConformanceCheck } from '../check.ts'
import type { ConformanceFixture, ProviderFixture, ProviderRequest } from '../fixture.ts'
import { onRig } from '../rig.ts'

/** Several attempts of one task. */
export function repetitionChecks(fixture: ConformanceFixture, provider: ProviderFixture): ConformanceCheck[] {
  return [
    {
      title: 'says the same in every attempt of a task, its idempotency key included',
      run: () =>
        onRig(fixture, async ({ send, server }) => {
          await send({ idempotencyKey: 'mc-key-1' })
          await send({ idempotencyKey: 'mc-key-1' })
          await send({ idempotencyKey: 'mc-key-2' })
          const [first = '', second, third = ''] = server.messages().map((request) => lasting(request, provider))
          assert.equal(second, first, 'what differs with time alone belongs into `changesWithTime` of the fixture')
          if (!first.includes('mc-key-1')) return
          assert.ok(third.includes('mc-key-2') && !third.includes('mc-key-1'), 'another task has another key')
        }),
    },
  ]
}

/** A request without what differs from attempt to attempt. */
function lasting({ method, url, body }: ProviderRequest, { changesWithTime = [] }: ProviderFixture): string {
  const query = [...url.searchParams].filter(([name]) => !changesWithTime.includes(name))
  return JSON.stringify([method, url.pathname, query, withoutFields(body, changesWithTime)])
}

function withoutFields(body: string, fields: readonly string[]): unknown {
  try {
    return JSON.parse(body, (key, value) => (fields.includes(key) ? undefined : value))
  } catch {
    // A form, or whatever else this provider takes: compared as it is.
    return body
  }
}
