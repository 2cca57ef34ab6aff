import { describe, expect, it } from '@jest/globals';
import { LIMITS } from '../../../src/contract/input.js';
import { limitFrames, MAX_FRAME_BYTES, type SkippedFrame } from '../../../src/mcp/frame-limit.js';

/** What comes through, line by line, when the text arrives in pieces of that many bytes. */
async function through(limit: number, text: string, pieceBytes: number): Promise<{ lines: string[]; skipped: SkippedFrame[] }> {
  const skipped: SkippedFrame[] = [];
  const stream = limitFrames(limit, (frame) => skipped.push(frame));
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += pieceBytes) stream.write(bytes.subarray(from, from + pieceBytes));
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return { lines: Buffer.concat(chunks).toString().split('\n'), skipped };
}

const call = (id: unknown, filler: number): string =>
  JSON.stringify({ method: 'tools/call', params: { name: 'x', arguments: { prompt: 'y'.repeat(filler), id: 5 } }, jsonrpc: '2.0', id });

describe('the limit of a frame', () => {
  it('takes the largest call that there may be: sixteen pictures, a mask and a prompt', async () => {
    const picture = `data:image/png;base64,${Buffer.alloc(LIMITS.dataUrlBytes, 0xfb).toString('base64')}`;
    const args = { prompt: '画'.repeat(LIMITS.promptCharacters), image_paths: Array.from({ length: 16 }, () => picture), mask_path: picture };
    const line = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'image_multi_reference', arguments: args } });
    const { lines, skipped } = await through(MAX_FRAME_BYTES, `${line}\n`, 65_536);
    expect(skipped).toEqual([]);
    expect(lines[0] === line).toBe(true);
  });

  it.each([1, 7, 64, 1000, 100_000])('lets lines up to it through unchanged, in pieces of %d bytes', async (pieceBytes) => {
    const lines = [call(1, 300), '', 'no JSON', call('two', 900 - call('two', 0).length - 1)];
    expect(lines[3]).toHaveLength(899);
    expect(await through(900, `${lines.join('\n')}\n`, pieceBytes)).toEqual({ lines: [...lines, ''], skipped: [] });
  });

  it.each([1, 7, 64, 1000, 100_000])('leaves a longer one out, tells of it and goes on, in pieces of %d bytes', async (pieceBytes) => {
    const { lines, skipped } = await through(900, `${call(1, 10)}\n${call(2, 5000)}\n${call(3, 10)}\n`, pieceBytes);
    expect(skipped).toEqual([{ id: 2, isToolCall: true }]);
    expect(lines).toEqual([call(1, 10), call(3, 10), '']);
  });

  it.each<[string, SkippedFrame]>([
    [`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"a":"${'x'.repeat(2000)}","id":8}}`, { id: 7, isToolCall: true }],
    [`{"id":"a-1","method":"tools/list","params":{"a":"${'x'.repeat(2000)}"}}`, { id: 'a-1', isToolCall: false }],
    [`{"method":"notifications/x","params":{"a":"${'x'.repeat(2000)}","id":8}}`, { id: undefined, isToolCall: false }],
    [`{"method":"x","params":{"a":"${'x'.repeat(2000)},\\"id\\":9}`, { id: undefined, isToolCall: false }],
    [`{"jsonrpc":"2.0","id":1,"method":"tools/list"}${' '.repeat(2000)}`, { id: 1, isToolCall: false }],
    ['x'.repeat(2000), { id: undefined, isToolCall: false }],
  ])('finds the id of a message only where it is one', async (line, expected) => {
    expect((await through(900, `${line}\n`, 100)).skipped).toEqual([expected]);
  });
});
