import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** True for an IP address, in its usual notation, that callbacks may connect to. */
export type MayReach = (address: string) => boolean

/** All that is assigned to hosts of the IPv6 Internet (RFC 4291, 2.4; IANA assigns from nowhere else). */
const GLOBAL_UNICAST_V6 = ipaddr.parseCIDR('2000::/3')

/**
 * Callbacks go to public unicast addresses, by IANA's registries of special-purpose addresses: no loopback, private,
 * link-local (cloud metadata!), shared, multicast or reserved ones, and no IPv6 address that stands for an IPv4 one (mapped,
 * compatible, NAT64, 6to4, Teredo): a gateway may lead it anywhere. And to `allowed` ranges, whatever these are.
 * @param allowed CIDRs or single addresses (`CALLBACK_ALLOW_CIDRS`)
 */
export function createAddressRules(allowed: readonly string[]): MayReach {
  const ranges = allowed.map((range) =>
    ipaddr.parseCIDR(range.includes('/') ? range : `${range}/${isIP(range) === 6 ? 128 : 32}`),
  )
  return (text) => {
    // The library takes octal, hexadecimal and shortened notations too; what is no plain address is none here.
    if (isIP(text) === 0) return false
    const address = ipaddr.parse(text)
    return isPublic(address) || ranges.some((range) => contains(range, address))
  }
}

type Address = ReturnType<typeof ipaddr.parse>
type Range = ReturnType<typeof ipaddr.parseCIDR>

function isPublic(address: Address): boolean {
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || contains(GLOBAL_UNICAST_V6, address))
}

function contains([base, bits]: Range, address: Address): boolean {
  return base.kind() === address.kind() && address.match(base, bits)
}
