import assert from 'node:assert/strict'
import type { ChannelAdapter, MessageType, SendOutcome } from '@message-center/core'
import type { ConformanceCheck } from '../check.ts'
import type { ConformanceFixture, ProviderFixture } from '../fixture.ts'
import { onRig, type Rig } from '../rig.ts'
import { contentOf, NOBODY, sampleContent, sampleRecipients } from '../samples.ts'

const AT_ONCE = 20

/** What happens when nothing is wrong. */
export function sendingChecks(fixture: ConformanceFixture, adapter: ChannelAdapter): ConformanceCheck[] {
  const { provider } = fixture
  const [first = 'TEXT'] = adapter.messageTypes
  return [
    ...adapter.messageTypes.map((messageType) => ({
      title: `sends a ${messageType}${provider ? ' in one call' : ''}`,
      run: () => onRig(fixture, (rig) => sendsOnce(rig, messageType)),
    })),
    { title: 'says of a recall whether it worked, and why not', run: () => onRig(fixture, recalls) },
    ...(provider
      ? [
          ...adapter.messageTypes.map((messageType) => ({
            title: `a ${messageType} reaches its recipients, or the outcome tells that it does not`,
            run: () => onRig(fixture, (rig) => reachesRecipients(rig, messageType)),
          })),
          {
            title: 'calls the provider through the fetch that it is given, and nothing else',
            run: () =>
              onRig(fixture, async (rig) => {
                await rig.send()
                assert.equal(rig.fetchCount(), rig.server.requests.length)
              }),
          },
          {
            title: 'does not mix what is sent at the same time',
            run: () => onRig(fixture, (rig) => keepsApart(rig, first)),
          },
          ...(adapter.payloads
            ? adapter.messageTypes.map((messageType) => ({
                title: `previews the very payload of a ${messageType}`,
                run: () => onRig(fixture, (rig) => previews(rig, provider, messageType)),
              }))
            : []),
        ]
      : []),
  ]
}

async function sendsOnce(rig: Rig, messageType: MessageType): Promise<void> {
  const outcome = await rig.send({ messageType, content: sampleContent(messageType, rig.fixture) })
  assertOutcome(outcome)
  if (rig.fixture.provider) assert.equal(rig.server.messages().length, 1, 'calls that carry a message')
}

function assertOutcome(outcome: SendOutcome): void {
  assert.equal(typeof outcome, 'object', 'send resolves with an object')
  assert.doesNotThrow(() => JSON.stringify(outcome.response), 'the response cannot be kept as JSON')
  for (const name of ['providerMessageId', 'detail'] as const) {
    const value = outcome[name]
    assert.ok(value === undefined || (typeof value === 'string' && value !== ''), `${name} is a text or absent`)
  }
  if (outcome.checkResultAfterMs !== undefined)
    assert.ok(outcome.providerMessageId, 'checkResultAfterMs needs a providerMessageId')
}

async function recalls(rig: Rig): Promise<void> {
  const { adapter, config } = rig
  const task = { tenantId: '1', messageId: 'm-7', taskId: '7' }
  const { providerMessageId = null } = await rig.send()
  for (const id of [providerMessageId, null]) {
    const outcome = await adapter.recall?.({ config, providerMessageId: id, task }, rig.tools())
    if (!outcome) return
    assert.equal(typeof outcome.recalled, 'boolean')
    assert.ok(outcome.recalled || outcome.reason, 'what cannot be recalled needs a reason')
  }
}

async function reachesRecipients(rig: Rig, messageType: MessageType): Promise<void> {
  const content = sampleContent(messageType, rig.fixture)
  const { userIds } = sampleRecipients(rig.fixture)
  const outcome = await rig.send({ messageType, content })
  const calls = rig.server.requests.map(({ url, body }) => decodeURIComponent(url.search) + body).join('\n')
  const lost = userIds.filter((userId) => !calls.includes(userId))
  assert.ok(lost.length === 0 || outcome.detail, `${lost} were not sent, and the outcome has no detail about it`)
  for (const recipients of [
    { ...NOBODY, mobiles: ['13800000000'] },
    { ...NOBODY, all: true },
    { ...NOBODY, userIds: ['odd"<id>\n|,'] },
  ]) {
    // Whether a channel can reach these is its own matter; to fail for a reason that is none is not.
    await rig.send({ messageType, content, recipients, idempotencyKey: 'mc-8' }).then(assertOutcome, (error) => {
      assert.equal(error.errorClass, 'PERMANENT', `for ${JSON.stringify(recipients)} it threw ${error}`)
    })
  }
}

async function keepsApart(rig: Rig, messageType: MessageType): Promise<void> {
  const texts = Array.from({ length: AT_ONCE }, (_, index) => `number <${index}>`)
  await Promise.all(
    texts.map((text, index) => {
      const content = contentOf(messageType, text, rig.fixture)
      const task = { tenantId: '1', messageId: `m-${index}`, taskId: `${index}` }
      return rig.send({ messageType, content, task, idempotencyKey: `mc-${index}` })
    }),
  )
  const bodies = rig.server.messages().map(({ body }) => body)
  assert.equal(bodies.length, AT_ONCE)
  for (const text of texts) assert.equal(bodies.filter((body) => body.includes(text)).length, 1, `'${text}' came`)
}

async function previews(rig: Rig, provider: ProviderFixture, messageType: MessageType): Promise<void> {
  const content = sampleContent(messageType, rig.fixture)
  const recipients = sampleRecipients(rig.fixture)
  await rig.send({ messageType, content, recipients })
  const request = rig.server.messages()[0]
  assert.ok(request)
  const sent = provider.payloadOf?.(request) ?? JSON.parse(request.body)
  const payloads = rig.adapter.payloads?.(messageType, content, recipients) ?? {}
  const shown = payloads[rig.config.mode === 'app' ? 'app' : 'robot']
  assert.ok(shown && typeof shown === 'object', `payloads has nothing for this config: ${JSON.stringify(payloads)}`)
  for (const [key, value] of Object.entries(shown)) assert.deepEqual(sent[key], value, `${key} is not what is sent`)
}
