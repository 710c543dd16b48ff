export interface Gate {
  /** Runs `work` with at most `limit` others, or with nobody beside it; first come, first served. */
  pass<T>(alone: boolean, work: () => Promise<T>): Promise<T>
  /** How many wait. */
  waiting(): number
}

/** @param limit how many that need not be alone may be inside at once */
export function createGate(limit: number): Gate {
  const line: { alone: boolean; enter: () => void }[] = []
  let inside = 0
  let taken = false

  function admit(): void {
    for (let next = line[0]; next; next = line[0]) {
      if (taken || inside >= (next.alone ? 1 : limit)) return
      line.shift()
      inside += 1
      taken = next.alone
      next.enter()
    }
  }

  return {
    waiting: () => line.length,
    async pass(alone, work) {
      await new Promise<void>((enter) => {
        line.push({ alone, enter })
        admit()
      })
      try {
        return await work()
      } finally {
        inside -= 1
        taken = false
        admit()
      }
    },
  }
}
