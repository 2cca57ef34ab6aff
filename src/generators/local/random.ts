import { sha256 } from '../../contract/canonical.js';

/** A deterministic stream of numbers. */
export interface Random {
  /** Uniform in [from, to). */
  between(from: number, to: number): number;
  /** A whole number, both ends included. */
  whole(from: number, to: number): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** The same text gives the same stream on every machine (mulberry32, seeded with SHA-256). */
export function randomFrom(seedText: string): Random {
  let state = Number.parseInt(sha256(seedText).slice(0, 8), 16);
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const whole = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    between: (from, to) => from + next() * (to - from),
    whole,
    pick: (choices) => choices[whole(0, choices.length - 1)] ?? choices[0],
  };
}
