import { expect, test } from 'vitest'
import { createTurns } from './turns.ts'

/** Works of a flood of one and a single one of another, ended one by one: in which order they began. */
async function order(most: number): Promise<string[]> {
  const turns = createTurns(most)
  const begun: string[] = []
  const underWay: (() => void)[] = []
  const take = (holder: string) =>
    turns.take(holder, () => {
      begun.push(holder)
      return new Promise<void>((resolve) => underWay.push(resolve))
    })
  const works = [...Array.from({ length: 800 }, () => take('flood')), take('single')]
  for (let ended = 0; ended < works.length; ended++) {
    expect(underWay.length).toBeLessThanOrEqual(most)
    underWay.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(works)
  return begun
}

test('behind 800 messages of another tenant, in hand before it, a message is at work after those that are, and one more', async () => {
  const begun = await order(200)
  expect(begun).toHaveLength(801)
  expect(begun.indexOf('single')).toBeLessThanOrEqual(201)
})

test('what fails makes room as well', async () => {
  const turns = createTurns(1)
  const failing = turns.take('1', () => Promise.reject(new Error('no')))
  const next = turns.take('1', async () => 'done')
  await expect(failing).rejects.toThrow('no')
  expect(await next).toBe('done')
})
