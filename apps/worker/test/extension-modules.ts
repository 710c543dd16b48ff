/*
 * What users write outside of this repository: plain JavaScript, nothing imported from here. The tests put it into a folder
 * that is not part of the workspace.
 */

/** An adapter of channel PIGEON that does what its content says and notes each call in a file. */
export const pigeonAdapter = (callsFile: string) => `
import { appendFileSync } from 'node:fs'
const failing = (errorClass, fields = {}) => Object.assign(new Error('as ordered'), { errorClass, code: 'E1', ...fields })
const circular = {}
circular.self = circular
const BEHAVIOUR = {
  transient: (turn) => { if (turn < 3) throw failing('TRANSIENT') },
  plain: (turn) => { if (turn < 2) throw new Error('no class') },
  text: (turn) => { if (turn < 2) throw 'a text' },
  limited: (turn) => { if (turn < 3) throw failing('RATE_LIMITED', { retryAfterMs: 150 }) },
  token: (turn) => { if (turn < 2) throw failing('TOKEN_EXPIRED') },
  expired: () => { throw failing('TOKEN_EXPIRED') },
  permanent: () => { throw failing('PERMANENT', { response: 'no' }) },
  unknown: (turn) => { if (turn < 2) throw failing('UNKNOWN') },
  strange: () => { throw failing('PERMANENT', { message: 'half an emoji \\ud83d' + 'x'.repeat(100000), code: 7 }) },
  nothing: () => undefined,
  numbers: () => ({ response: { at: 1n }, providerMessageId: 12345, detail: 17 }),
  circle: () => ({ response: circular }),
  ok: () => ({ response: { ok: true }, providerMessageId: 'p-1', detail: 'well done' }),
}
const turns = new Map()
export default {
  type: 'PIGEON', displayName: 'Pigeon', secretFields: ['key'], messageTypes: ['TEXT'],
  configSchema: { type: 'object', required: ['key'], properties: { key: { type: 'string' } } },
  rateLimit: { count: 100000, window: 1, unit: 'SECOND' },
  async send({ config, content, idempotencyKey, recipients }) {
    const turn = (turns.get(idempotencyKey) ?? 0) + 1
    turns.set(idempotencyKey, turn)
    const [, act] = content.split(' ')
    appendFileSync(${JSON.stringify(callsFile)}, JSON.stringify({ act, idempotencyKey, key: config.key, recipients }) + '\\n')
    return BEHAVIOUR[act](turn)
  },
}`

/** A step before all others. */
export const EARLY_HANDLER = `
export default {
  name: 'early', order: 50,
  async handle(context, next) {
    if (context.message.businessData.early === 'drop') context.drop('LOCAL', 'NO_RECIPIENT', 'dropped before all others')
    await next()
  },
}`

/** A step after the rate limit; what it does stands in the message's data. */
export const BETWEEN_HANDLER = `
const seen = new Map()
export default {
  name: 'between', order: 450,
  async handle(context, next) {
    const { between } = context.message.businessData
    const turn = (seen.get(context.message.messageId) ?? 0) + 1
    seen.set(context.message.messageId, turn)
    if (between === 'log') context.logger.warn({ between }, 'a word from outside')
    if (between === 'drop') context.drop('LOCAL', 'NO_RECIPIENT', 'the inbox is shut')
    if (between === 'fail') return context.fail('NO_RECIPIENT', 'nobody wants it')
    if (between === 'fail and go on') context.fail('NO_RECIPIENT', 'nobody wants it')
    if (between === 'silence') return
    if (between === 'throw' && turn === 1) throw new Error('a fault')
    if (between === 'twice' && turn === 1) { await next(); return next() }
    if (between === 'twice, not awaited' && turn === 1) { next(); next(); return }
    if (between === 'own code') context.drop('LOCAL', 'DUPLICATE', 'had that')
    if (between === 'not awaited') { next(); return }
    await next()
  },
}`
