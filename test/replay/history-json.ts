import proto, { type temporal } from '@temporalio/proto';

/**
 * Histories as JSON by protobufjs' own rules (names of enums, base64 bytes, numbers of 64 bits as text). The SDK's reader of the
 * CLI's JSON form needs one copy of protobufjs in the whole tree, which npm does not give it.
 */
const { History } = proto.temporal.api.history.v1;

type HistoryMessage = temporal.api.history.v1.IHistory;

export function historyToJson(history: HistoryMessage): string {
  const plain = History.toObject(History.create(history), { longs: String, enums: String, bytes: String });
  return `${JSON.stringify(plain, withoutMachine, 1)}\n`;
}

export function historyFromJson(text: string): HistoryMessage {
  const plain: unknown = JSON.parse(text);
  if (typeof plain !== 'object' || plain === null) throw new Error('this is no history');
  return History.fromObject({ ...plain });
}

/** Process ids, host names and stack traces belong to the recorder. */
function withoutMachine(name: string, value: unknown): unknown {
  if (name === 'identity') return 'recorder';
  return name === 'stackTrace' ? '' : value;
}
