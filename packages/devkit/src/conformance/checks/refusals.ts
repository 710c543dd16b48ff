import assert from 'node:assert/strict'
import type { ConformanceCheck } from '../check.ts'
import { assertErrorClass } from '../error-class.ts'
import type { ConformanceFixture, ProviderAnswer, ProviderFixture } from '../fixture.ts'
import { onRig, type Rig, type ThrownError } from '../rig.ts'

/** Longer texts are cut when they are stored. */
const MAX_MESSAGE = 500

/** Answers that say no. Retrying is the service's business: whatever comes, the adapter has called once. */
export function refusalChecks(fixture: ConformanceFixture, provider: ProviderFixture): ConformanceCheck[] {
  // What is said of an access token has checks of its own.
  const refusals = provider.refusals.filter(({ errorClass }) => errorClass !== 'TOKEN_EXPIRED')
  return [
    ...refusals.map(({ answer, errorClass, code, retryAfterMs }) => ({
      title: `${describeAnswer(answer)} is ${errorClass}`,
      run: () =>
        onRig(fixture, async (rig) => {
          const error = await refused(rig, answer)
          assertErrorClass(error, errorClass)
          if (code !== undefined) assert.equal(error.code, code)
          if (retryAfterMs !== undefined) assert.equal(error.retryAfterMs, retryAfterMs)
        }),
    })),
    ...[500, 502, 503, 504].map((status) => ({
      title: `HTTP ${status} may be retried`,
      run: () =>
        onRig(fixture, async (rig) => {
          const { errorClass } = await refused(rig, { status, body: '<html>trouble</html>' })
          assert.ok(['TRANSIENT', 'UNKNOWN'].includes(errorClass ?? ''), `it is ${errorClass}`)
        }),
    })),
    {
      title: 'HTTP 429 is RATE_LIMITED for as long as Retry-After says',
      run: () =>
        onRig(fixture, async (rig) => {
          const error = await refused(rig, { status: 429, headers: { 'retry-after': '7' }, body: '' })
          assertErrorClass(error, 'RATE_LIMITED')
          assert.equal(error.retryAfterMs, 7000)
        }),
    },
    {
      title: 'HTTP 429 without Retry-After is RATE_LIMITED',
      run: () =>
        onRig(fixture, async (rig) => {
          assertErrorClass(await refused(rig, { status: 429, body: 'slow down' }), 'RATE_LIMITED')
        }),
    },
    {
      title: 'HTTP 404 is PERMANENT',
      run: () =>
        onRig(fixture, async (rig) => {
          assertErrorClass(await refused(rig, { status: 404, body: '' }), 'PERMANENT')
        }),
    },
    ...(provider.trustsStatus ? [] : ['', '<html>denied</html>', '{"code":0,"errc', '[]', 'null', '{}']).map(
      (body) => ({
        title: `HTTP 200 with ${body === '' ? 'no body' : body} is no success, and may be retried`,
        run: () =>
          onRig(fixture, async (rig) => {
            const { errorClass } = await refused(rig, { body })
            assert.ok(['TRANSIENT', 'UNKNOWN', 'RATE_LIMITED'].includes(errorClass ?? ''), `it is ${errorClass}`)
          }),
      }),
    ),
  ]
}

async function refused({ server, sendFails }: Rig, answer: ProviderAnswer): Promise<ThrownError> {
  server.setFault({ kind: 'answer', answer })
  const error = await sendFails()
  assert.equal(server.messages().length, 1, 'calls that carry a message')
  assert.ok(error.code, 'the error has no code')
  assert.ok(error.message, 'the error has no message')
  assert.ok(error.message.length <= MAX_MESSAGE, `the error's message has ${error.message.length} characters`)
  return error
}

function describeAnswer({ status = 200, body }: ProviderAnswer): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return `HTTP ${status} ${text.length > 80 ? `${text.slice(0, 79)}…` : text}`
}
