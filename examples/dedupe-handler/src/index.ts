import { createDedupeHandler } from './dedupe.ts'
import { createSeenContents } from './seen-contents.ts'
import { readSettings } from './settings.ts'

/** The process starts without its Redis, too; but the first messages should not slip through only because it was faster. */
const CONNECT_WAIT_MS = 2000

const settings = readSettings(process.env)
const seen = createSeenContents(settings)
await seen.connected(CONNECT_WAIT_MS)

export default createDedupeHandler(seen, settings)
