import { Transform } from 'node:stream';

/** 16 references and a mask as the largest `data:` URLs, about 1.4 MB of text each, and their prompt fit. */
export const MAX_FRAME_BYTES = 24 * 1024 * 1024;

/** A message that was not read: what can be told of it from its two ends. */
export interface SkippedFrame {
  /** Undefined when neither end shows it. */
  id: string | number | undefined;
  isToolCall: boolean;
}

/** Enough for `method` and `id`, which stand at one end or the other, whoever wrote the message. */
const END_BYTES = 512;
const LINE_FEED = 0x0a;

/**
 * Lets lines of up to `limit` bytes through, each in one piece: the SDK copies all that it has with every piece, which
 * takes seconds for a large line. A longer one is left out and told of when it has ended: the SDK's own limit would end
 * the whole connection, with every call that is in flight.
 */
export function limitFrames(limit: number, onSkipped: (frame: SkippedFrame) => void): Transform {
  let held: Buffer[] = [];
  let length = 0;
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let from = 0; from < chunk.length; ) {
        const end = chunk.indexOf(LINE_FEED, from);
        const part = chunk.subarray(from, end === -1 ? chunk.length : end + 1);
        from += part.length;
        length += part.length;
        if (length > limit) held = [];
        else held.push(part);
        if (end !== -1) {
          if (length > limit) onSkipped(frameOf(head, Buffer.concat([tail, part])));
          else this.push(Buffer.concat(held));
          held = [];
        }
        if (head.length < END_BYTES) head = Buffer.concat([head, part.subarray(0, END_BYTES)]);
        tail = Buffer.concat([tail, part.subarray(-END_BYTES)]).subarray(-END_BYTES);
        if (end === -1) continue;
        length = 0;
        head = Buffer.alloc(0);
        tail = Buffer.alloc(0);
      }
      done();
    },
  });
}

/** An id counts only as the very first or last member: in between, `"id"` may be part of an argument. */
function frameOf(head: Buffer, tail: Buffer): SkippedFrame {
  const [start, end] = [head.toString('utf8'), tail.toString('utf8')];
  const first = /^\s*\{\s*(?:"(?:jsonrpc|method)"\s*:\s*"[^"]*"\s*,\s*)*"id"\s*:\s*(\d+|"[^"\\]*")\s*,/.exec(start)?.[1];
  const last = /,\s*"id"\s*:\s*(\d+|"[^"\\]*")\s*(?:,\s*"(?:jsonrpc|method)"\s*:\s*"[^"]*"\s*)*\}\s*$/.exec(end)?.[1];
  const id = first ?? last;
  return {
    id: id === undefined || id.startsWith('"') ? id?.slice(1, -1) : Number(id),
    isToolCall: /"method"\s*:\s*"tools\/call"/.test(start + end),
  };
}
