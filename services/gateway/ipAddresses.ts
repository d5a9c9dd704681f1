import { isIPv6 } from 'node:net';
import { type Span, spanOf } from './span.js';

const IPV4 = /(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\d.]*\d)/g;
/** What may be an IPv6 address: Node tells. A time of day has fewer colons. */
const COLONS = /(?<![\p{L}\p{N}:.])[0-9a-f:]{2,39}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?![\p{L}\p{N}:])/giu;

/** Internet addresses of both versions (RFC 791, RFC 4291). */
export const findIpAddresses = (text: string): Span[] => [
  ...[...text.matchAll(IPV4)].map(spanOf),
  ...[...text.matchAll(COLONS)].map(spanOf).filter(({ start, end }) => {
    const address = text.slice(start, end);
    return address.split(':').length > 3 - Number(address.includes('::')) && /[0-9a-f]/i.test(address) && isIPv6(address);
  }),
];
