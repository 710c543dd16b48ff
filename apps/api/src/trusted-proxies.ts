/**
 * Whose `X-Forwarded-For` is believed: proxies on this host or in a private net, where a load balancer stands. Whoever comes
 * from the Internet without one is seen with his own address, whatever he writes there.
 */
export const TRUSTED_PROXIES = ['loopback', 'linklocal', 'uniquelocal']
