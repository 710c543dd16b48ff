import { step } from '../services/progress.ts'
import { provideServers } from '../services/services.ts'

// `npm run setup`: the bootstrap has installed the npm packages; here come MySQL and Redis.
try {
  await step('MySQL and Redis', provideServers, ({ usable, missing }) =>
    [...usable.map((kind) => `${kind}: ready`), ...missing.map((kind) => `${kind}: will be started with Docker`)].join(
      ', ',
    ),
  )
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
