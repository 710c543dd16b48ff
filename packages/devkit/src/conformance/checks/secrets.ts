import assert from 'node:assert/strict'
import { redact } from '@message-center/core/channels/redact.ts'
import { secretsIn } from '@message-center/core/configs/channel-config-secrets.ts'
import type { ConformanceCheck } from '../check.ts'
import type { ConformanceFixture, ProviderAnswer } from '../fixture.ts'
import type { Fault } from '../front-server.ts'
import { onRig, type Rig } from '../rig.ts'

/** A provider may repeat in its answer whatever it was sent. */
export function secretChecks(fixture: ConformanceFixture): ConformanceCheck[] {
  return [
    {
      title: 'shows no credential in outcomes, errors or logs, whatever the provider answers',
      run: () =>
        onRig(fixture, async (rig) => {
          const shown = [await whatShows(rig, undefined)]
          for (const answer of answersThatTell(rig)) shown.push(await whatShows(rig, { kind: 'answer', answer }))
          shown.push(await whatShows(rig, { kind: 'reset', inAnswer: false }))
          for (const secret of fixture.secrets) {
            for (const text of shown) assert.ok(!text.includes(secret), `'${secret}' shows in ${text}`)
            for (const line of rig.logged) assert.ok(!line.includes(secret), `'${secret}' shows in the log: ${line}`)
          }
        }),
    },
  ]
}

/** What the service stores and shows of a send: it masks the values of the secret fields itself. */
async function whatShows(rig: Rig, fault: Fault | undefined): Promise<string> {
  rig.server.setFault(fault)
  const seen = await rig.send({ idempotencyKey: `mc-${rig.logged.length}` }).then(
    (outcome) => JSON.stringify(outcome),
    ({ message, code, response }) => JSON.stringify({ message, code, response }),
  )
  return redact(seen, secretsIn(rig.config, rig.adapter.secretFields))
}

/** Every answer that the fixture knows, with the credentials in each of its texts, and an error page. */
function answersThatTell({ fixture, server }: Rig): ProviderAnswer[] {
  const told = ` told ${fixture.secrets.join(' ')} ${server.messages()[0]?.url.href}`
  const refusals = fixture.provider?.refusals.map(({ answer }) => answer) ?? []
  return [
    ...refusals.map((answer) => ({
      ...answer,
      body: typeof answer.body === 'string' ? answer.body + told : withTextsOf(answer.body, told),
    })),
    { status: 502, body: `<html>${told}</html>` },
    { status: 200, body: `<html>${told}</html>` },
  ]
}

function withTextsOf(body: object, told: string): object {
  return JSON.parse(JSON.stringify(body), (_, value) => (typeof value === 'string' ? value + told : value))
}
