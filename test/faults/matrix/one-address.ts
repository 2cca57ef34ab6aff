import { connect, createServer, type Socket } from 'node:net';

/**
 * One address for the two fakes of OpenAI, as one key has one base URL: a connection goes to the fake of Images or of Responses
 * by its first request, byte for byte, and ends as that fake ends it.
 */
export async function startOneAddress(imagesUrl: string, responsesUrl: string): Promise<{ url: string; close: () => Promise<void> }> {
  const [images, responses] = [imagesUrl, responsesUrl].map((url) => Number(new URL(url).port));
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.on('close', () => open.delete(client)).on('error', () => undefined);
    client.once('data', (first) => {
      const port = first.toString('latin1').startsWith('POST /v1/images/') ? images : responses;
      const fake = connect(port ?? 0, '127.0.0.1');
      fake.on('error', () => client.resetAndDestroy()).on('close', () => client.destroySoon());
      client.on('close', () => fake.destroy());
      fake.write(first);
      client.pipe(fake).pipe(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the address has no port');
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
