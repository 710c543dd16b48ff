import { expect, test } from 'vitest'
import { ChannelError } from './channel-error.ts'
import { createMobileLookUps } from './mobile-look-ups.ts'

const fault = (errorClass: ChannelError['errorClass']) => new ChannelError(errorClass, { code: 'X', message: 'why' })

test('asks once per app and mobile, and answers in order', async () => {
  const asked: string[] = []
  const lookUp = async (mobile: string) => {
    asked.push(mobile)
    return mobile === '2' ? undefined : `user-${mobile}`
  }
  const lookUps = createMobileLookUps()
  const mobiles = ['1', '2', '3', '4', '5', '6', '7']
  const expected = mobiles.map((mobile) =>
    mobile === '2' ? { reason: 'no user has this mobile' } : { userId: `user-${mobile}` },
  )
  expect(await lookUps.find('app', mobiles, lookUp)).toEqual(expected)
  expect(await lookUps.find('app', mobiles, lookUp)).toEqual(expected)
  expect(asked).toEqual(mobiles)
  await lookUps.find('other', ['1'], lookUp)
  expect(asked).toHaveLength(mobiles.length + 1)
})

test('a look-up that the provider refuses for good is a reason; a passing fault is a fault, and is not remembered', async () => {
  const lookUps = createMobileLookUps()
  expect(await lookUps.find('app', ['1'], () => Promise.reject(fault('PERMANENT')))).toEqual([
    { reason: 'mobile not looked up: X why' },
  ])
  for (const [thrown, told] of [
    ['TRANSIENT', 'TRANSIENT'],
    ['RATE_LIMITED', 'RATE_LIMITED'],
    ['UNKNOWN', 'TRANSIENT'],
  ] as const) {
    await expect(lookUps.find('app', ['2'], () => Promise.reject(fault(thrown)))).rejects.toMatchObject({
      errorClass: told,
    })
  }
  expect(await lookUps.find('app', ['2'], async () => 'u2')).toEqual([{ userId: 'u2' }])
})
