/** Messages that calls of this process have brought and that are not committed as yet: no look at the backlog knows them. */
export interface Reservations {
  /** @returns how to take them off again, once they are committed or refused; a second time does nothing */
  add(tenantId: string, messages: number): () => void
  all(): number
  of(tenantId: string): number
}

export function createReservations(): Reservations {
  const byTenant = new Map<string, number>()
  let all = 0
  const of = (tenantId: string) => byTenant.get(tenantId) ?? 0
  const change = (tenantId: string, messages: number) => {
    all += messages
    const left = of(tenantId) + messages
    if (left === 0) byTenant.delete(tenantId)
    else byTenant.set(tenantId, left)
  }
  return {
    add(tenantId, messages) {
      let isReserved = true
      change(tenantId, messages)
      return () => {
        if (isReserved) change(tenantId, -messages)
        isReserved = false
      }
    },
    all: () => all,
    of,
  }
}
