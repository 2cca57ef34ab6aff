import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type V4 = ReturnType<typeof ipaddr.IPv4.parse>;

/**
 * Whether an address belongs to the public internet. Everything else is refused for references: private, loopback,
 * link-local (cloud metadata), carrier-grade NAT, unique-local, multicast, reserved, unspecified, documentation, and the
 * forms of IPv6 that carry an IPv4 address, unless that is the address of a translating network (NAT64 or mapped) and public itself.
 * Registries: https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return isPublicV4(parsed);
  switch (parsed.range()) {
    case 'unicast':
      // Global unicast is 2000::/3; the rest (IPv4-compatible ::/96 among it) is unassigned.
      return (parsed.parts[0] ?? 0) >> 13 === 1;
    case 'ipv4Mapped':
      return isPublicV4(parsed.toIPv4Address());
    case 'rfc6052':
      // 64:ff9b::/96, which DNS64 answers with in networks without IPv4; not the local-use 64:ff9b:1::/48.
      return parsed.parts[2] === 0 && isPublicV4(new ipaddr.IPv4(parsed.toByteArray().slice(12)));
    default:
      return false;
  }
}

function isPublicV4(address: V4): boolean {
  return address.range() === 'unicast';
}
