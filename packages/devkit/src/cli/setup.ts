import { step } from '../services/progress.ts'
import { SERVICE_NAMES } from '../services/service-kind.ts'
import { provideServers } from '../services/services.ts'

// `npm run setup`: the bootstrap has installed the npm packages; here come MySQL and Redis.
try {
  await step('MySQL and Redis', provideServers, {
    summary: ({ usable, missing }) =>
      [
        ...usable.map((kind) => `${SERVICE_NAMES[kind]} is ready`),
        ...missing.map((kind) => `${SERVICE_NAMES[kind]} will be started with Docker`),
      ].join(', '),
  })
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
