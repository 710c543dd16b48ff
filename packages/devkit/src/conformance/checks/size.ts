import assert from 'node:assert/strict'
import type { ChannelAdapter, MessageType } from '@message-center/core'
import type { ConformanceCheck } from '../check.ts'
import { assertErrorClass } from '../error-class.ts'
import type { ConformanceFixture } from '../fixture.ts'
import { onRig, type Rig, type ThrownError } from '../rig.ts'
import { contentOf } from '../samples.ts'

/** The pipeline takes no more than this of any channel. */
const MAX_STORED_BYTES = 65_535

/** Content that the provider would refuse, or cut without a word. */
export function sizeChecks(fixture: ConformanceFixture, adapter: ChannelAdapter): ConformanceCheck[] {
  return adapter.messageTypes.map((messageType) => ({
    title: `a ${messageType} of any size is taken by the provider, or refused as CONTENT_TOO_LONG before any call`,
    run: () => onRig(fixture, (rig) => anySize(rig, messageType)),
  }))
}

async function anySize(rig: Rig, messageType: MessageType): Promise<void> {
  // What is longer does not get through the pipeline; up to there the adapter has to know.
  const most = Math.min(rig.adapter.maxBytes ?? MAX_STORED_BYTES, MAX_STORED_BYTES)
  for (const filling of ['x', '汉', '"']) {
    const text = filling.repeat(Math.floor((most - roomForRest(messageType, rig.fixture)) / jsonBytes(filling)))
    for (const length of sizesUpTo(text.length)) {
      const before = rig.server.requests.length
      const content = contentOf(messageType, text.slice(0, length), rig.fixture)
      const error = await rig.send({ messageType, content }).then(
        () => undefined,
        (thrown: ThrownError) => thrown,
      )
      if (!error) continue
      assert.equal(error.code, 'CONTENT_TOO_LONG', `${length} times ${filling}: ${error}`)
      assertErrorClass(error, 'PERMANENT')
      assert.equal(rig.server.requests.length, before, `${length} times ${filling}: it called the provider first`)
    }
  }
}

/** Powers of two, and the longest. */
function sizesUpTo(longest: number): number[] {
  const sizes = [longest]
  for (let size = longest; size > 500; size /= 2) sizes.push(Math.floor(size / 2))
  return sizes
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2
}

function roomForRest(messageType: MessageType, fixture: ConformanceFixture): number {
  const content = contentOf(messageType, '', fixture)
  return typeof content === 'string' ? 0 : Buffer.byteLength(JSON.stringify(content))
}
