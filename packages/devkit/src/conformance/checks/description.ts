import assert from 'node:assert/strict'
import { createChannelRegistry } from '@message-center/core/channels/registry.ts'
import { RATE_LIMIT_UNITS } from '@message-center/core/contracts/channel-configs.ts'
import { MESSAGE_TYPES } from '@message-center/core/contracts/content.ts'
import type { ConformanceCheck } from '../check.ts'
import type { ConformanceFixture } from '../fixture.ts'
import { onRig } from '../rig.ts'

/** What an adapter says of itself. */
export function descriptionChecks(fixture: ConformanceFixture): ConformanceCheck[] {
  return [
    {
      title: 'describes itself: type, name, message types, rate limit, size, secret fields',
      run: () =>
        onRig(fixture, async ({ adapter }) => {
          createChannelRegistry([adapter])
          assert.ok(adapter.displayName?.trim(), 'displayName is empty')
          assert.ok(adapter.messageTypes.length > 0, 'messageTypes is empty')
          assert.equal(new Set(adapter.messageTypes).size, adapter.messageTypes.length, 'messageTypes has one twice')
          for (const type of adapter.messageTypes)
            assert.ok(MESSAGE_TYPES.includes(type), `messageTypes: there is no '${type}', only ${MESSAGE_TYPES}`)
          const { count, window, unit } = adapter.rateLimit
          assertPositive('rateLimit.count', count)
          assertPositive('rateLimit.window', window)
          assert.ok(RATE_LIMIT_UNITS.includes(unit), `rateLimit.unit is one of ${RATE_LIMIT_UNITS}, not '${unit}'`)
          if (adapter.maxBytes !== undefined) assertPositive('maxBytes', adapter.maxBytes)
        }),
    },
  ]
}

function assertPositive(name: string, value: number): void {
  assert.ok(Number.isSafeInteger(value) && value > 0, `${name} is a positive integer, not ${value}`)
}
