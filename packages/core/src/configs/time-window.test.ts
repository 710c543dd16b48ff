import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isOpen, nextOpening, type TimeWindow } from './time-window.ts'

const SHANGHAI = 'Asia/Shanghai'
/** Daylight saving on both hemispheres, by half an hour too (Lord Howe); offsets of 30 and 45 minutes. */
const ZONES = [
  'UTC',
  SHANGHAI,
  'Asia/Kathmandu',
  'Australia/Eucla',
  'Pacific/Chatham',
  'Australia/Lord_Howe',
  'America/New_York',
  'America/St_Johns',
  'Europe/Berlin',
  'Pacific/Kiritimati',
]
const MINUTE_MS = 60_000

const hour = fc.integer({ min: 0, max: 23 })
const someWindow = fc.record({ startHour: hour, endHour: hour })
const someZone = fc.constantFrom(...ZONES)
const someTime = fc.date({
  min: new Date('2020-01-01T00:00:00Z'),
  max: new Date('2035-12-31T00:00:00Z'),
  noInvalidDate: true,
})

/** The hour that a clock on the wall of the zone shows, read another way than the code does. */
function wallClockHour(time: Date, timeZone: string): number {
  return Number(time.toLocaleString('sv-SE', { timeZone }).slice(11, 13))
}

/** The hours of a window, walked on the clock's face from the start to the end. */
function hoursOf({ startHour, endHour }: TimeWindow): Set<number> {
  const hours = new Set([startHour])
  for (let next = startHour; next !== endHour; hours.add(next)) next = (next + 1) % 24
  return hours
}

describe('isOpen', () => {
  test.each([
    ['2026-07-01T08:59:59.999+08:00', false],
    ['2026-07-01T09:00:00.000+08:00', true],
    ['2026-07-01T18:59:59.999+08:00', true],
    ['2026-07-01T19:00:00.000+08:00', false],
  ])('both hours of 9-18 are included: %s → %s', (time, open) => {
    expect(isOpen({ startHour: 9, endHour: 18 }, new Date(time), SHANGHAI)).toBe(open)
  })

  test.each([
    ['2026-07-01T21:59:59.999+08:00', false],
    ['2026-07-01T22:00:00.000+08:00', true],
    ['2026-07-02T00:00:00.000+08:00', true],
    ['2026-07-02T06:59:59.999+08:00', true],
    ['2026-07-02T07:00:00.000+08:00', false],
  ])('22-6 crosses midnight: %s → %s', (time, open) => {
    expect(isOpen({ startHour: 22, endHour: 6 }, new Date(time), SHANGHAI)).toBe(open)
  })

  test('the whole day is 0-23', () => {
    fc.assert(fc.property(someTime, someZone, (time, zone) => isOpen({ startHour: 0, endHour: 23 }, time, zone)))
  })

  test('is what the clock on the wall of the zone says', () => {
    fc.assert(
      fc.property(someWindow, someTime, someZone, (window, time, zone) => {
        expect(isOpen(window, time, zone)).toBe(hoursOf(window).has(wallClockHour(time, zone)))
      }),
      { numRuns: 500 },
    )
  })
})

describe('nextOpening', () => {
  test('is now where the window is open', () => {
    const now = new Date('2026-07-01T10:17:23.456+08:00')
    expect(nextOpening({ startHour: 9, endHour: 18 }, now, SHANGHAI)).toEqual(now)
  })

  test.each([
    ['the same day', 'UTC', 9, 18, '2026-07-01T03:00:00Z', '2026-07-01T09:00:00Z'],
    ['the next day', 'UTC', 9, 18, '2026-07-01T19:00:00Z', '2026-07-02T09:00:00Z'],
    ['quarters of an hour', 'Asia/Kathmandu', 9, 9, '2026-07-01T00:00:00Z', '2026-07-01T03:15:00Z'],
    ['New York, in winter', 'America/New_York', 9, 18, '2026-01-10T05:00:00Z', '2026-01-10T14:00:00Z'],
    [
      'New York, over the change to summer time',
      'America/New_York',
      9,
      18,
      '2026-03-08T05:00:00Z',
      '2026-03-08T13:00:00Z',
    ],
    ['an hour that the clock skips that day', 'America/New_York', 2, 2, '2026-03-08T06:30:00Z', '2026-03-09T06:00:00Z'],
    [
      'an hour that the clock shows twice',
      'America/New_York',
      1,
      1,
      '2026-11-01T04:59:59.999Z',
      '2026-11-01T05:00:00Z',
    ],
    ['summer time of half an hour', 'Australia/Lord_Howe', 9, 9, '2026-10-03T14:00:00Z', '2026-10-03T22:00:00Z'],
  ])('%s', (_title, zone, startHour, endHour, from, opening) => {
    expect(nextOpening({ startHour, endHour }, new Date(from), zone)).toEqual(new Date(opening))
  })

  test('is open, and no minute before it is', () => {
    fc.assert(
      fc.property(someWindow, someTime, someZone, (window, time, zone) => {
        const opening = nextOpening(window, time, zone)
        expect(isOpen(window, opening, zone)).toBe(true)
        for (let moment = time.getTime(); moment < opening.getTime(); moment += MINUTE_MS) {
          expect(isOpen(window, new Date(moment), zone)).toBe(false)
        }
        if (opening > time) expect(isOpen(window, new Date(opening.getTime() - 1), zone)).toBe(false)
      }),
    )
  })
})
