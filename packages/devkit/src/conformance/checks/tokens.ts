import assert from 'node:assert/strict'
import type { ConformanceCheck } from '../check.ts'
import type { ConformanceFixture, ProviderFixture, Refusal } from '../fixture.ts'
import { onRig, type Rig, type ThrownError } from '../rig.ts'

/**
 * Access tokens that the provider does not take any more. An adapter gets a new one and tries once more, or throws
 * TOKEN_EXPIRED, after which the service calls it once more.
 */
export function tokenChecks(fixture: ConformanceFixture, provider: ProviderFixture): ConformanceCheck[] {
  const expired = provider.refusals.filter(({ errorClass }) => errorClass === 'TOKEN_EXPIRED')
  return expired.flatMap((refusal) => [
    {
      title: `an access token that was refused (${refusal.code}) is replaced, and the message goes out`,
      run: () => onRig(fixture, (rig) => replacesToken(rig, refusal)),
    },
    {
      title: `an access token that is refused again (${refusal.code}) ends the send`,
      run: () => onRig(fixture, (rig) => givesUp(rig, refusal)),
    },
  ])
}

async function replacesToken(rig: Rig, { answer }: Refusal): Promise<void> {
  const { server } = rig
  await rig.send()
  const others = () => server.requests.length - server.messages().length
  const before = others()
  server.setFault({ kind: 'answer', answer, times: 1 })
  await sendAsService(rig)
  assert.equal(server.messages().length, 3, 'calls that carry a message: one that works, one refused, one that works')
  assert.ok(others() > before, 'the old token was used again')
}

async function givesUp(rig: Rig, { answer }: Refusal): Promise<void> {
  rig.server.setFault({ kind: 'answer', answer })
  const error: ThrownError = await sendAsService(rig).then(
    () => assert.fail('send resolved'),
    (thrown) => thrown,
  )
  assert.ok(['TOKEN_EXPIRED', 'PERMANENT'].includes(error.errorClass ?? ''), `it is ${error.errorClass}`)
  assert.equal(rig.server.messages().length, 2, 'calls that carry a message')
}

/** What the service makes of TOKEN_EXPIRED. */
async function sendAsService(rig: Rig): Promise<unknown> {
  return rig.send().catch((error: ThrownError) => {
    if (error.errorClass === 'TOKEN_EXPIRED') return rig.send()
    throw error
  })
}
