import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Answers on public addresses that only machines inside a cloud reach, and that hand out credentials (Azure). */
const METADATA_ADDRESSES = new Set(['168.63.129.16']);

/**
 * Why an address may not be connected to on a user's behalf, or undefined when it is an ordinary public one. Loopback,
 * private, link-local (169.254.169.254 among them), carrier-grade NAT, multicast and reserved ranges are refused, also
 * when they are wrapped into IPv6 (mapped, compatible, NAT64).
 */
export function addressRefusal(address: string): string | undefined {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  if (isIP(bare) === 0) return 'not an address';
  const parsed = ipaddr.parse(bare);
  return parsed instanceof ipaddr.IPv4 ? refusalOfV4(parsed) : refusalOfV6(parsed);
}

function refusalOfV4(address: ipaddr.IPv4): string | undefined {
  if (METADATA_ADDRESSES.has(address.toString())) return 'metadata';
  const range = address.range();
  return range === 'unicast' ? undefined : range;
}

/** Only 2000::/3 is the public Internet; of the rest, NAT64 leads to an IPv4 address that is judged instead. */
function refusalOfV6(address: ipaddr.IPv6): string | undefined {
  const bytes = address.toByteArray();
  const range = address.range();
  if (range === 'ipv4Mapped' || isNat64(address)) return refusalOfV4(new ipaddr.IPv4(bytes.slice(12)));
  if (range !== 'unicast') return range;
  return ((bytes[0] ?? 0) & 0xe0) === 0x20 ? undefined : 'not global';
}

function isNat64(address: ipaddr.IPv6): boolean {
  return address.match(ipaddr.IPv6.parse('64:ff9b::'), 96);
}
