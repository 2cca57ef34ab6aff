import { isIP } from 'node:net';

/** What a host in a URL may look like when it means an address that is not on the public internet. */
export interface PrivateHost {
  id: string;
  host: string;
  /** The part of the address guard that knows it. */
  guard: 'public-v4' | 'public-v6' | 'unassigned-v6' | 'mapped-v4' | 'nat64-v4' | 'nat64-local';
}

const hosts = (guard: PrivateHost['guard'], list: Readonly<Record<string, string>>): PrivateHost[] =>
  Object.entries(list).map(([id, host]) => ({ id, host, guard }));

export const PRIVATE_HOSTS: readonly PrivateHost[] = [
  ...hosts('public-v4', {
    'loopback': '127.0.0.1',
    'loopback-elsewhere': '127.8.9.10',
    'trailing-dot': '127.0.0.2.',
    'decimal': '2130706435',
    'hex': '0x7f000004',
    'hex-parts': '0x7f.0.0.5',
    'octal-parts': '0177.0.0.6',
    'octal': '017700000007',
    'two-parts': '127.8',
    'three-parts': '127.0.9',
    'ideographic-stops': '127。0。0。10',
    'full-width-digits': '１２７.0.0.11',
    'encoded-digit': '127.0.0.%312',
    'mixed-bases': '0x7f.0x0.0.015',
    'zero': '0.0.0.0',
    'zero-short': '0',
    'this-network': '0.1.2.3',
    'ten': '10.0.0.1',
    'ten-hex': '0xa000002',
    'one-seven-two': '172.16.0.1',
    'one-seven-two-end': '172.31.255.254',
    'one-nine-two': '192.168.1.1',
    'carrier-nat': '100.64.0.1',
    'benchmark': '198.18.0.1',
    'documentation': '192.0.2.1',
    'protocol-assignments': '192.0.0.8',
    'multicast': '224.0.0.1',
    'reserved': '240.0.0.1',
    'broadcast': '255.255.255.255',
    'metadata': '169.254.169.254',
    'metadata-decimal': '2852039167',
    'metadata-hex': '0xa9fea9fd',
    'metadata-octal': '0251.0376.0251.0374',
    'metadata-three-parts': '169.254.43515',
    'metadata-alibaba': '100.100.100.200',
  }),
  ...hosts('mapped-v4', {
    'mapped-dotted': '[::ffff:127.0.0.20]',
    'mapped-hex': '[::ffff:7f00:15]',
    'mapped-long': '[0:0:0:0:0:ffff:0a00:0016]',
    'mapped-metadata': '[::ffff:a9fe:a9fe]',
  }),
  ...hosts('nat64-v4', { 'nat64': '[64:ff9b::7f00:17]', 'nat64-metadata': '[64:ff9b::169.254.169.250]' }),
  ...hosts('nat64-local', { 'nat64-of-the-network': '[64:ff9b:1::808:808]' }),
  ...hosts('unassigned-v6', { 'compatible': '[::127.0.0.24]', 'unassigned': '[4000::1]' }),
  ...hosts('public-v6', {
    'loopback-v6': '[::1]',
    'unspecified-v6': '[::]',
    'six-to-four': '[2002:7f00:19::]',
    'teredo': '[2001:0:7f00:1a::]',
    'link-local': '[fe80::1]',
    'unique-local': '[fd00::1]',
    'metadata-v6': '[fd00:ec2::254]',
    'multicast-v6': '[ff02::1]',
    'documentation-v6': '[2001:db8::1]',
    'documentation-v6-new': '[3fff::1]',
    'discard-v6': '[100::1]',
    'site-local': '[fec0::1]',
    'segment-routing': '[5f00::1]',
  }),
];

/** As the certificate of the network names them. */
export const PRIVATE_ADDRESSES: readonly string[] = PRIVATE_HOSTS.flatMap(({ host }) => {
  const address = new URL(`https://${host}/`).hostname.replace(/^\[|\]$/g, '');
  return isIP(address) === 0 ? [] : [address];
});
