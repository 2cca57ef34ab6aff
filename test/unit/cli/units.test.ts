import { describe, expect, it } from '@jest/globals';
import { readSince } from '../../../src/cli/jobs/since.js';
import { readTimeout } from '../../../src/cli/jobs/wait.js';
import { age, amountOf, elapsed, inBytes } from '../../../src/cli/units.js';

describe('numbers for people', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [1_834_567, '1.8 MB'],
    [2_000_000_000_000_000, '2000.0 TB'],
  ])('%d bytes are %s', (bytes, text) => expect(inBytes(bytes)).toBe(text));

  it.each([
    [-1, '0s', '0 s'],
    [59.9, '59s', '59 s'],
    [60, '1m', '1 min 00 s'],
    [3599, '59m', '59 min 59 s'],
    [3600, '1h', '1 h 00 min'],
    [90_000, '1d', '25 h 00 min'],
  ])('%d seconds are %s in a column and %s beside a bar', (seconds, column, line) => {
    expect(age(seconds)).toBe(column);
    expect(elapsed(seconds)).toBe(line);
  });

  it.each([
    [0, '0'],
    [0.1 + 0.2, '0.30'],
    [1, '1.00'],
    [0.011, '0.011'],
    [0.0000004, '0'],
    [12.3456789, '12.345679'],
  ])('%d is %s', (amount, text) => expect(amountOf(amount)).toBe(text));
});

describe('moments that a person names', () => {
  const now = new Date('2026-03-10T12:00:00Z');

  it.each([
    ['90m', '2026-03-10T10:30:00.000Z'],
    ['24h', '2026-03-09T12:00:00.000Z'],
    ['7d', '2026-03-03T12:00:00.000Z'],
    ['2w', '2026-02-24T12:00:00.000Z'],
    ['2026-03-01T10:00:00Z', '2026-03-01T10:00:00.000Z'],
    ['2026-03-01T10:00+02:00', '2026-03-01T08:00:00.000Z'],
    [' 2026-03-01 10:00:00Z ', '2026-03-01T10:00:00.000Z'],
  ])('%s', (text, iso) => expect(readSince(text, now)).toEqual(new Date(iso)));

  it('takes a date, and a time without a zone, as local ones', () => {
    expect(readSince('2026-03-01', now)).toEqual(new Date(2026, 2, 1));
    expect(readSince('2026-03-01T10:30', now)).toEqual(new Date(2026, 2, 1, 10, 30));
  });

  it.each(['yesterday', '', '7', '7y', '2026', '2026-13-01', '2026-02-30', '2026-02-30T10:00', '2026-01-01T25:00', '-1d', '1.5h'])('refuses %j', (text) => {
    expect(readSince(text, now)).toMatchObject({ field: 'since', code: 'INVALID_ARGUMENT' });
  });

  it.each([
    ['90', 90],
    ['0', 0],
    ['1.5', 1.5],
    ['90s', 90],
    ['15m', 900],
    ['2 h', 7200],
  ])('%s is a timeout of %d seconds', (text, seconds) => expect(readTimeout(text)).toBe(seconds));

  it.each(['', 'soon', '-1', '1d', '1e3', 'Infinity'])('refuses the timeout %j', (text) => {
    expect(() => readTimeout(text)).toThrow(/timeout: must be seconds/);
  });
});
