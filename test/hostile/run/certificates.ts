import { execFileSync } from 'node:child_process';
import { isIP } from 'node:net';

/** A key and a certificate that vouches for itself, as one PEM. */
export function certificateFor(hosts: readonly string[]): string {
  const names = hosts.map((host) => `${isIP(host) === 0 ? 'DNS' : 'IP'}:${host}`);
  return execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=hostile',
      '-addext', `subjectAltName=${names.join(',')}`, '-keyout', '-', '-out', '-'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
}
