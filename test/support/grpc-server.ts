import { createServer } from 'node:http2';

export const GRPC = { ok: 0, permissionDenied: 7, unimplemented: 12, unauthenticated: 16 } as const;

export interface GrpcServer {
  address: string;
  close(): void;
}

/** Speaks gRPC and answers each method with a status and an empty message. */
export async function startGrpc(statusOf: (method: string) => number): Promise<GrpcServer> {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    const status = statusOf(headers[':path']?.split('/').at(-1) ?? '');
    stream.on('error', () => undefined);
    if (status !== GRPC.ok) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status, 'grpc-message': 'refused' }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    // One frame: not compressed, no bytes.
    stream.end(Buffer.alloc(5));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { address: `127.0.0.1:${port}`, close: () => void server.close() };
}
