import { expect, test } from 'vitest'
import { signRobotCall } from './sign.ts'

test('signs as documented, once encoded by URLSearchParams', () => {
  const sign = signRobotCall('SECtest', 1_700_000_000_000)
  expect(sign).toBe('aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g=')
  expect(new URLSearchParams({ sign }).toString()).toBe('sign=aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g%3D')
})
