import { AppError } from '@message-center/core/contracts/errors.ts'

/**
 * Where an API process is in its life: `starting` answers probes and waits for the database; `leaving` still answers everything,
 * while load balancers learn from `/health/ready` to send nothing more.
 */
export type Phase = 'starting' | 'serving' | 'leaving'

export interface Availability {
  state(): Phase
  set(phase: Phase): void
  /** @throws AppError UNAVAILABLE where nothing should be sent here */
  check(): void
}

const COME_AGAIN_SECONDS = 2
const WHY_NOT = {
  starting: 'this process waits for the database; its log says what is missing',
  leaving: 'this process stops',
}

export function createAvailability(phase: Phase): Availability {
  let now = phase
  return {
    state: () => now,
    set(next) {
      // Whoever has begun to go does not come back.
      if (now !== 'leaving') now = next
    },
    check() {
      if (now !== 'serving') throw new AppError('UNAVAILABLE', WHY_NOT[now], { retryAfterSeconds: COME_AGAIN_SECONDS })
    },
  }
}
