import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, constants, createSecureServer, type IncomingHttpHeaders } from 'node:http2';
import { join } from 'node:path';

export interface Certificates {
  ca: string;
  clientCert: string;
  clientKey: string;
}

/** A Temporal behind TLS, as Temporal Cloud is: it asks for a certificate of the client or for an API key, and passes on what has one. */
export interface TlsGateway {
  address: string;
  certificates: Certificates;
  /** Of the requests that were passed on. */
  authorizations: Set<string>;
  refused: number;
  close(): void;
}

export async function startTlsGateway(folder: string, target: string, by: 'certificate' | { apiKey: string }): Promise<TlsGateway> {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test-ca');
  for (const name of ['server', 'client']) {
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost');
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copyall', '-out', `${name}.pem`);
  }
  const file = (name: string): string => join(folder, name);
  const server = createSecureServer({
    key: readFileSync(file('server.key')),
    cert: readFileSync(file('server.pem')),
    ca: readFileSync(file('ca.pem')),
    requestCert: by === 'certificate',
    rejectUnauthorized: by === 'certificate',
  });
  const upstream = connect(`http://${target}`);
  upstream.on('error', () => undefined);
  const gateway: TlsGateway = {
    address: '',
    certificates: { ca: file('ca.pem'), clientCert: file('client.pem'), clientKey: file('client.key') },
    authorizations: new Set(),
    refused: 0,
    close() {
      upstream.destroy();
      server.close();
    },
  };
  server.on('tlsClientError', () => (gateway.refused += 1));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const { authorization = '' } = headers;
    if (by !== 'certificate' && authorization !== `Bearer ${by.apiKey}`) {
      gateway.refused += 1;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'Request unauthorized.' }, { endStream: true });
      return;
    }
    gateway.authorizations.add(authorization);
    const passed = upstream.request({ ...headers, ':scheme': 'http', ':authority': target });
    passed.on('error', () => stream.close());
    let trailers: IncomingHttpHeaders = {};
    // A refusal is headers alone, with the status of gRPC in them.
    passed.on('response', (answer, flags) => {
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) stream.respond({ ...answer }, { endStream: true });
      else stream.respond({ ...answer }, { waitForTrailers: true });
    });
    passed.on('trailers', (sent: IncomingHttpHeaders) => {
      trailers = sent;
    });
    stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
    stream.on('close', () => passed.close());
    stream.pipe(passed);
    passed.on('data', (chunk: Buffer) => stream.write(chunk));
    passed.on('end', () => stream.writable && stream.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return Object.assign(gateway, { address: `127.0.0.1:${address.port}` });
}
