import { BlockList } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAddressRules } from './address-rules.ts'

const mayReach = createAddressRules([])

describe('public addresses only', () => {
  test.each([
    '8.8.8.8',
    '1.1.1.1',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.255.255',
    '223.255.255.255',
    '2606:4700::1111',
    '2400:3200::1',
  ])('%s may be reached', (address) => expect(mayReach(address)).toBe(true))

  test.each([
    ['loopback', '127.0.0.1', '127.255.255.254', '::1'],
    ['unspecified', '0.0.0.0', '0.1.2.3', '::'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.255.255'],
    ['unique local', 'fc00::1', 'fdff::1'],
    ['link-local, the metadata of clouds among them', '169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'fec0::1'],
    ['shared (CGNAT; metadata of Alibaba Cloud)', '100.64.0.1', '100.100.100.200', '100.127.255.255'],
    ['multicast and broadcast', '224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1'],
    [
      'reserved, documentation, benchmarks',
      '240.0.0.1',
      '192.0.0.8',
      '192.0.2.1',
      '198.18.0.1',
      '2001:db8::1',
      '3fff::1',
    ],
    ['an IPv4 address in IPv6: mapped', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1'],
    ['compatible and translated', '::127.0.0.1', '::8.8.8.8', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::127.0.0.1', '64:ff9b::808:808', '64:ff9b:1::1'],
    ['6to4 and Teredo', '2002:7f00:1::', '2001::1'],
    ['not assigned to hosts', '4000::1', '100::1', '5f00::1', '1::1'],
  ])('%s may not', (_, ...addresses) => {
    for (const address of addresses) expect([address, mayReach(address)]).toEqual([address, false])
  })

  test('what is no address in its plain notation may not', () => {
    for (const text of ['', 'localhost', '127.1', '0x8.8.8.8', '010.8.8.8', '8.8.8.8/32', '134744072', ' 8.8.8.8']) {
      expect([text, mayReach(text)]).toEqual([text, false])
    }
  })
})

test('ranges that the operator allows may be reached, and nothing beside them', () => {
  const allowing = createAddressRules(['10.1.0.0/16', '192.168.7.9', 'fd00:1::/32', '::1'])
  for (const address of ['10.1.0.0', '10.1.255.255', '192.168.7.9', 'fd00:1::5', '::1', '8.8.8.8']) {
    expect([address, allowing(address)]).toEqual([address, true])
  }
  for (const address of ['10.0.255.255', '10.2.0.0', '192.168.7.8', 'fd00:2::5', '::2', '::ffff:10.1.0.1']) {
    expect([address, allowing(address)]).toEqual([address, false])
  }
})

/** A second reading of IANA's registries of special-purpose addresses, by other means: what of them is no public host. */
const SPECIAL = new BlockList()
for (const range of [
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24',
  '192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 192.31.196.0/24 192.52.193.0/24',
  '192.175.48.0/24',
].flatMap((line) => line.split(' '))) {
  const [base = '', bits] = range.split('/')
  SPECIAL.addSubnet(base, Number(bits), 'ipv4')
}

/** Each range's first and last addresses and their neighbours are as likely as all the others together. */
const ipv4 = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc
    .record({
      base: fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 203, 223, 224, 240).map((octet) => octet * 2 ** 24),
      second: fc.constantFrom(0, 15, 16, 18, 20, 31, 32, 51, 63, 64, 88, 127, 128, 168, 175, 254),
      rest: fc.integer({ min: -2, max: 2 ** 16 + 1 }),
    })
    .map(({ base, second, rest }) => Math.min(Math.max(base + second * 2 ** 16 + rest, 0), 2 ** 32 - 1)),
)
const dotted = (number: number) => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')

test('IPv4: exactly what the registries leave to public hosts', () => {
  fc.assert(
    fc.property(ipv4, (number) => {
      const address = dotted(number)
      expect([address, mayReach(address)]).toEqual([address, !SPECIAL.check(address, 'ipv4')])
    }),
    { numRuns: 5_000 },
  )
})

test('no IPv6 address that stands for an IPv4 one, in whatever form, and none outside 2000::/3', () => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16))
  fc.assert(
    fc.property(ipv4, fc.constantFrom('::', '::ffff:', '::ffff:0:', '64:ff9b::'), (number, prefix) => {
      expect(mayReach(`${prefix}${dotted(number)}`)).toBe(false)
    }),
    { numRuns: 1_000 },
  )
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const isGlobal = Number.parseInt(groups[0] ?? '', 16) >> 13 === 1
      expect(!mayReach(groups.join(':')) || isGlobal).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
