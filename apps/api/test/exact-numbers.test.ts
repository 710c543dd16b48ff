import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

const headers = () => ({ authorization: `Bearer ${api.environment.token()}`, 'content-type': 'application/json' })

async function send(fields: string): Promise<number> {
  const body = `{"businessType":"NUMBERS",${fields}}`
  return (await fetch(`${api.url}/api/messages`, { method: 'POST', headers: headers(), body })).status
}

/** The answer as text: parsing it here would round what the test is about. */
const textOf = async (path: string) => (await fetch(`${api.url}${path}`, { headers: headers() })).text()

const NUMBERS = [
  '1234567890123456789',
  '-9223372036854775808',
  '1234567890123456789012345',
  '99.00',
  '1e400',
  '-0',
  '1.5E+3',
  '1e-7',
  '0.000001',
  '0.00000123',
  '123456789.123456789123',
  '0.1',
  '100000000000000',
  '9007199254740993',
  '1.0',
  '0',
]

test('numbers in businessData come back with the digits they were sent with: detail, list, as object and as string', async () => {
  const data = `{${NUMBERS.map((number, index) => `"n${index}":${number}`).join(',')},"list":[${NUMBERS.join(',')}]}`
  expect(await send(`"messageId":"object","businessData":${data}`)).toBe(202)
  expect(await send(`"messageId":"string","businessData":${JSON.stringify(data)}`)).toBe(202)
  expect(await textOf('/api/messages/object')).toContain(`"businessData":${data}`)
  expect(await textOf('/api/messages/string')).toContain(`"businessData":${data}`)
  expect((await textOf('/api/messages?businessType=NUMBERS')).split(`"businessData":${data}`)).toHaveLength(3)
})

test.each(NUMBERS)('a number alone keeps its digits: %s', async (number) => {
  const id = `alone-${number.replaceAll('+', 'p')}`
  expect(await send(`"messageId":"${id}","businessData":{"n":${number}}`)).toBe(202)
  expect(await textOf(`/api/messages/${id}`)).toContain(`"businessData":{"n":${number}}`)
})

test('numbers in attributes keep theirs as well', async () => {
  expect(await send(`"messageId":"attributes","businessData":{},"attributes":{"x":[${NUMBERS.join(',')}]}`)).toBe(202)
  expect(await textOf('/api/messages/attributes')).toContain(`"attributes":{"x":[${NUMBERS.join(',')}]}`)
})

test('the same value in other digits is other content', async () => {
  expect(await send('"messageId":"digits","businessData":{"price":99}')).toBe(202)
  expect(await send('"messageId":"digits","businessData":{"price":99.00}')).toBe(409)
  expect(await send('"messageId":"big","businessData":{"n":1234567890123456789}')).toBe(202)
  expect(await send('"messageId":"big","businessData":{"n":1234567890123456788}')).toBe(409)
  expect(await send('"messageId":"big","businessData":{"n":1234567890123456789}')).toBe(200)
})

test('any decimal keeps its digits', async () => {
  const digits = (maxLength: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${maxLength}}$`))
  const integer = fc.tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,24}$/)),
  )
  const number = fc
    .tuple(integer, fc.option(digits(25)), fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), digits(3))))
    .map(
      ([whole, fraction, exponent]) =>
        `${whole.join('')}${fraction === null ? '' : `.${fraction}`}${exponent?.join('') ?? ''}`,
    )
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(number, { minLength: 1, maxLength: 20 }), async (numbers) => {
      const id = `any-${run++}`
      const entries = numbers.map((text, index) => `"n${index}":${text}`)
      expect(await send(`"messageId":"${id}","businessData":{${entries.join(',')}}`)).toBe(202)
      const answer = await textOf(`/api/messages/${id}`)
      // MySQL sorts keys; each must be there with its number.
      for (const entry of entries) expect(answer).toMatch(new RegExp(`${entry.replaceAll(/[.+]/g, '\\$&')}[,}]`))
    }),
    { numRuns: 40 },
  )
})
