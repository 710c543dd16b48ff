import assert from 'node:assert/strict'
import type { ChannelAdapter } from '@message-center/core'
import { createChannelRegistry } from '@message-center/core/channels/registry.ts'
import { maskSettings } from '@message-center/core/configs/channel-config-secrets.ts'
import type { ConformanceCheck } from '../check.ts'
import type { ConformanceFixture } from '../fixture.ts'
import { onRig } from '../rig.ts'

/** What the service lets into the database, shows in OpenAPI and masks in answers. */
export function configChecks(fixture: ConformanceFixture): ConformanceCheck[] {
  return [
    {
      title: 'accepts a config that works',
      run: () =>
        onRig(fixture, async ({ adapter, config }) => {
          assert.deepEqual(faultsOf(adapter, config), [])
        }),
    },
    {
      title: 'refuses a config that cannot work, and says which field and why',
      run: () =>
        onRig(fixture, async ({ adapter, config, server }) => {
          for (const rubbish of [...fixture.invalidConfigs(server.url), ...rubbishOf(adapter, config)]) {
            const faults = faultsOf(adapter, rubbish)
            assert.ok(faults.length > 0, `this config was accepted: ${JSON.stringify(rubbish)}`)
            for (const { path, message } of faults) {
              assert.equal(typeof path, 'string', `a fault of ${JSON.stringify(rubbish)} has no path`)
              assert.ok(message, `a fault of ${JSON.stringify(rubbish)} has no message`)
            }
          }
          assert.equal(server.requests.length, 0, 'checkConfig must not call anybody')
        }),
    },
    {
      title: 'has a config schema that OpenAPI can show',
      run: () =>
        onRig(fixture, async ({ adapter, config }) => {
          const shown = JSON.parse(JSON.stringify(adapter.configSchema))
          const copy = { ...adapter, configSchema: shown }
          assert.deepEqual(faultsOf(copy, config), [], 'as JSON, the schema refuses a config that works')
          for (const rubbish of rubbishOf(adapter, config))
            assert.ok(faultsOf(copy, rubbish).length > 0, `as JSON, it accepts ${JSON.stringify(rubbish)}`)
          assert.equal(shown.type, 'object', 'the schema must say `type: object`')
          assert.doesNotMatch(
            JSON.stringify(shown),
            /"\$(ref|dynamicRef)":/,
            'a $ref of the schema leads nowhere there',
          )
        }),
    },
    {
      title: 'names every credential among its secret fields',
      run: () =>
        onRig(fixture, async ({ adapter, config }) => {
          const shown = JSON.stringify(maskSettings(config, adapter.secretFields))
          for (const secret of fixture.secrets) {
            assert.ok(JSON.stringify(config).includes(secret), `fixture: '${secret}' is not in the config`)
            assert.ok(!shown.includes(secret), `an answer of the API would show '${secret}': ${shown}`)
          }
          const known = JSON.stringify(adapter.configSchema)
          for (const field of adapter.secretFields)
            assert.ok(known.includes(`"${field}":`), `secretFields: the schema has no field '${field}'`)
        }),
    },
  ]
}

function faultsOf(adapter: ChannelAdapter, config: Record<string, unknown>) {
  return createChannelRegistry([adapter]).get(adapter.type)?.checkConfig(config) ?? []
}

/** Wrong for every adapter: a slip in a field's name that nobody notices, and credentials that are no text. */
function rubbishOf(adapter: ChannelAdapter, config: Record<string, unknown>): Record<string, unknown>[] {
  const secrets = adapter.secretFields.filter((field) => field in config)
  return [
    { ...config, notAFieldOfThisChannel: 'x' },
    ...secrets.flatMap((field) => ['', 4711, null, ['x']].map((value) => ({ ...config, [field]: value }))),
  ]
}
