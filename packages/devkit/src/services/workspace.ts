import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the whole workspace. */
export const workspaceRoot = fileURLToPath(new URL('../../../../', import.meta.url))

/** Where `npm start` keeps the data of its private servers, logs and secrets. `DATA_DIR` moves it. */
export const dataDir = process.env.DATA_DIR || join(workspaceRoot, '.data')
