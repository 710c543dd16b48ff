import { AppError } from '@message-center/core/contracts/errors.ts'

/**
 * Whether an API process takes work. One that leaves still answers everything, while load balancers learn from `/health/ready`
 * to send nothing more.
 */
export interface Availability {
  leaving(): boolean
  leave(): void
  /** @throws AppError UNAVAILABLE where nothing should be sent here */
  check(): void
}

const COME_AGAIN_SECONDS = 2

export function createAvailability(): Availability {
  let leaving = false
  return {
    leaving: () => leaving,
    leave() {
      leaving = true
    },
    check() {
      if (leaving) throw new AppError('UNAVAILABLE', 'this process stops', { retryAfterSeconds: COME_AGAIN_SECONDS })
    },
  }
}
