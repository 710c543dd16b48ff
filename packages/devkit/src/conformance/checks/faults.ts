import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ConformanceCheck } from '../check.ts'
import { assertErrorClass } from '../error-class.ts'
import type { ConformanceFixture, ProviderFixture } from '../fixture.ts'
import { type FrontServer, startFrontServer } from '../front-server.ts'
import { onRig } from '../rig.ts'

const SHORT_TIMEOUT_MS = 1000
const POLL_MS = 5

/** What can happen on the way. The fetch of the service says what it means; an adapter has to let that through. */
export function faultChecks(fixture: ConformanceFixture, provider: ProviderFixture): ConformanceCheck[] {
  return [
    {
      title: 'a provider that does not answer in time: UNKNOWN',
      run: () =>
        onRig(
          fixture,
          async ({ server, sendFails }) => {
            server.setFault({ kind: 'silence' })
            assertErrorClass(await sendFails(), 'UNKNOWN')
          },
          { timeoutMs: SHORT_TIMEOUT_MS },
        ),
    },
    {
      title: 'ends at once when its signal is aborted, as UNKNOWN once the message is out',
      run: () =>
        onRig(fixture, async ({ server, sendFails }) => {
          server.setFault({ kind: 'silence' })
          const controller = new AbortController()
          const failing = sendFails({}, controller.signal)
          await Promise.race([messageArrived(server), failing])
          controller.abort()
          assertErrorClass(await failing, 'UNKNOWN')
        }),
    },
    {
      title: 'does not call when its signal is aborted already',
      run: () =>
        onRig(fixture, async ({ server, sendFails }) => {
          assertErrorClass(await sendFails({}, AbortSignal.abort()), 'TRANSIENT')
          assert.equal(server.messages().length, 0)
        }),
    },
    ...[false, true].map((inAnswer) => ({
      title: `a connection lost ${inAnswer ? 'in the middle of the answer' : 'before the answer'}: UNKNOWN`,
      run: () =>
        onRig(fixture, async ({ server, sendFails }) => {
          server.setFault({ kind: 'reset', inAnswer })
          assertErrorClass(await sendFails(), 'UNKNOWN')
        }),
    })),
    {
      title: 'nobody listens at the provider: TRANSIENT',
      run: async () => {
        const gone = await startFrontServer(provider)
        await gone.close()
        const nobody = { providerUrl: gone.url }
        await onRig(fixture, async ({ sendFails }) => assertErrorClass(await sendFails(), 'TRANSIENT'), nobody)
      },
    },
    {
      title: 'does not follow redirects',
      run: () => onRig(fixture, ({ server, sendFails }) => refusesRedirects(server, sendFails)),
    },
  ]
}

async function messageArrived(server: FrontServer): Promise<void> {
  while (server.messages().length === 0) await delay(POLL_MS)
}

async function refusesRedirects(server: FrontServer, sendFails: () => Promise<Error>): Promise<void> {
  let visits = 0
  const elsewhere = createServer((_, response) => {
    visits += 1
    response.end('{"code":0,"errcode":0}')
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  try {
    const address = elsewhere.address()
    assert.ok(address && typeof address === 'object')
    const location = `http://127.0.0.1:${address.port}/`
    for (const status of [302, 307, 308]) {
      server.setFault({ kind: 'answer', answer: { status, headers: { location }, body: '' } })
      await sendFails()
    }
    assert.equal(visits, 0, 'it went where the redirect pointed')
  } finally {
    elsewhere.close()
  }
}
