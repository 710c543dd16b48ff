/** Opening hours of a channel config: whole hours, both inclusive; a start after the end crosses midnight. */
export interface TimeWindow {
  startHour: number
  endHour: number
}

const HOUR_MS = 3_600_000

/** True where the window is open at `time` on the clocks of `timeZone` (9–18 = 09:00:00–18:59:59). */
export function isOpen(window: TimeWindow, time: Date, timeZone: string): boolean {
  const hour = hourIn(timeZone, time)
  return window.startHour <= window.endHour
    ? hour >= window.startHour && hour <= window.endHour
    : hour >= window.startHour || hour <= window.endHour
}

/**
 * The first instant from `time` on at which the window is open. Steps to the full hours of the zone rather than
 * calculating with an offset, so that daylight saving needs no thought.
 */
export function nextOpening(window: TimeWindow, time: Date, timeZone: string): Date {
  if (isOpen(window, time, timeZone)) return time
  // Zones differ from UTC by whole quarters of an hour, so the zone's full hours lie on UTC quarters.
  const quarter = HOUR_MS / 4
  let next = new Date(Math.ceil((time.getTime() + 1) / quarter) * quarter)
  while (!isOpen(window, next, timeZone)) next = new Date(next.getTime() + quarter)
  return next
}

/** For people: when a closed config would have been open. */
export function describeWindow(channelName: string, { startHour, endHour }: TimeWindow, timeZone: string): string {
  return `'${channelName}' is open ${startHour}:00-${endHour}:59 (${timeZone})`
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function hourIn(timeZone: string, time: Date): number {
  let formatter = formatters.get(timeZone)
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', hourCycle: 'h23', timeZone })
    formatters.set(timeZone, formatter)
  }
  return Number(formatter.format(time))
}
