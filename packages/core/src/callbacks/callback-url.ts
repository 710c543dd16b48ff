import { isIP } from 'node:net'
import type { MayReach } from './address-rules.ts'

/** Names that stand for the machine itself wherever they are asked for (RFC 6761, 6.3). */
const LOCAL_NAME = /(?:^|\.)localhost\.?$/
const LOOPBACK = ['127.0.0.1', '::1']

/**
 * Why a `callbackUrl` is refused when a message is posted; undefined for one that may be tried. Early feedback only: where a
 * name leads is known, and checked, when the callback connects (callback-client.ts).
 */
export function callbackUrlFault(text: string, mayReach: MayReach): string | undefined {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) return 'must be a URL that begins with http:// or https://'
  if (url.username !== '' || url.password !== '')
    return 'must not carry a user name or password: receivers know callbacks by their signature'
  const addresses = literalAddresses(url)
  if (addresses.length > 0 && !addresses.some(mayReach)) return 'names an address that callbacks may not reach'
  return undefined
}

/** The IP addresses that a URL names without any look-up. The URL parser has made decimal, octal and hexadecimal ones plain. */
export function literalAddresses({ hostname }: URL): string[] {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return [host]
  return LOCAL_NAME.test(host) ? LOOPBACK : []
}
