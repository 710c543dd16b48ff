import { LRUCache } from 'lru-cache'
import { beforeSending } from './before-sending.ts'
import { ChannelError } from './channel-error.ts'

/** The user who has a mobile, or why there is none. */
export type LookedUp = { userId: string } | { reason: string }

/** Asks the provider for one mobile; `undefined` where nobody has it. Rejects with a ChannelError. */
export type LookUp = (mobile: string) => Promise<string | undefined>

export interface MobileLookUps {
  /**
   * One answer per mobile, in order. What the provider refuses for good (no permission …) is a reason, too.
   * @param app names the app that asks: another one may see other people
   * @throws ChannelError TRANSIENT or RATE_LIMITED
   */
  find(app: string, mobiles: readonly string[], lookUp: LookUp): Promise<LookedUp[]>
}

const MAX_KEPT = 50_000
const FOUND_MS = 3_600_000
/** Shorter: who was just added should be found. */
const NOT_FOUND_MS = 300_000
/** Calls at once; providers allow some twenty a second. */
const AT_ONCE = 5

/** Users by mobile, remembered in this process only: who has which number is nobody else's business. */
export function createMobileLookUps(): MobileLookUps {
  const known = new LRUCache<string, LookedUp>({ max: MAX_KEPT })

  async function findOne(app: string, mobile: string, lookUp: LookUp): Promise<LookedUp> {
    const key = `${app} ${mobile}`
    const remembered = known.get(key)
    if (remembered) return remembered
    const found = await ask(mobile, lookUp)
    known.set(key, found, { ttl: 'userId' in found ? FOUND_MS : NOT_FOUND_MS })
    return found
  }

  return {
    async find(app, mobiles, lookUp) {
      const found: LookedUp[] = []
      for (let start = 0; start < mobiles.length; start += AT_ONCE) {
        const some = mobiles.slice(start, start + AT_ONCE).map((mobile) => findOne(app, mobile, lookUp))
        const settled = await Promise.allSettled(some)
        for (const one of settled) {
          if (one.status === 'rejected') throw one.reason
          found.push(one.value)
        }
      }
      return found
    },
  }
}

async function ask(mobile: string, lookUp: LookUp): Promise<LookedUp> {
  try {
    const userId = await beforeSending(lookUp(mobile))
    return userId === undefined ? { reason: 'no user has this mobile' } : { userId }
  } catch (error) {
    if (!(error instanceof ChannelError) || error.errorClass !== 'PERMANENT') throw error
    return { reason: `mobile not looked up: ${error.code} ${error.message}` }
  }
}
