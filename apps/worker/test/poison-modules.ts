import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/*
 * An adapter and a pipeline step that end their process for messages which say so, in the ways in which code from outside does
 * that; for as long as the file `cured` does not exist. Each call is noted in a file.
 */
const HARM = (folder: string) => `
import { appendFileSync, existsSync } from 'node:fs'
const HARM = {
  exit: () => process.exit(7),
  loop: () => { for (;;); },
  memory: () => { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)) },
  uncaught: () => new Promise(() => setImmediate(() => { throw new Error('thrown where nobody catches it') })),
  native: () => process.abort(),
}
async function harm(stage, kind, messageId) {
  appendFileSync(${JSON.stringify(folder)} + '/calls.jsonl', JSON.stringify({ stage, kind, messageId, pid: process.pid }) + '\\n')
  if (kind in HARM && !existsSync(${JSON.stringify(folder)} + '/cured')) await HARM[kind]()
}`

/** Channel FRAGILE: a content \`<kind> <n>\` is harmful where it begins with one of the kinds. */
const fragileAdapter = (folder: string) => `${HARM(folder)}
export default {
  type: 'FRAGILE', displayName: 'Fragile', secretFields: [], messageTypes: ['TEXT'],
  configSchema: { type: 'object', properties: {} },
  rateLimit: { count: 100000, window: 1, unit: 'SECOND' },
  async send({ content, task }) {
    await harm('channel', content.split(' ')[0], task.messageId)
    await new Promise((resolve) => setTimeout(resolve, 20))
    return { response: { ok: true } }
  },
}`

/** A step that is harmful where the data's \`harm\` says so. */
const harmfulHandler = (folder: string) => `${HARM(folder)}
export default {
  name: 'harmful', order: 450,
  async handle(context, next) {
    const { harm: kind } = context.message.businessData
    await harm('pipeline', kind ?? 'none', context.message.messageId)
    await next()
  },
}`

/**
 * Writes both into a folder.
 * @returns the variables of a worker that loads them
 */
export function writePoisonModules(folder: string): Record<string, string> {
  const [adapter, handler] = [join(folder, 'fragile.mjs'), join(folder, 'harmful.mjs')]
  writeFileSync(adapter, fragileAdapter(folder))
  writeFileSync(handler, harmfulHandler(folder))
  writeFileSync(join(folder, 'calls.jsonl'), '')
  return { CHANNEL_ADAPTERS: adapter, MESSAGE_HANDLERS: handler }
}

/** The calls of both so far: each is a message in hand. */
export function callsIn(folder: string): { stage: string; messageId: string }[] {
  const lines = readFileSync(join(folder, 'calls.jsonl'), 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line))
}
