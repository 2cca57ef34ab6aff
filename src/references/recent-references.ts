import { sha256 } from '../contract/canonical.js';
import type { NormalisedReference, Normaliser } from './normalise.js';

/** Of normalised bytes that are kept: some thirty photographs of the size that providers take. */
const KEPT_BYTES = 32 * 1024 * 1024;

/**
 * A normaliser that remembers what it made last: many jobs with the same references, which is how agents try prompts, decode
 * each of them once, also when they come at the same moment. Equal input gives equal bytes, so nobody can tell the difference.
 * A failure is not remembered.
 */
export function rememberingReferences(normaliser: Normaliser, keptBytes = KEPT_BYTES): Normaliser {
  /** The least recently used first. */
  const recent = new Map<string, { result: Promise<NormalisedReference>; sizeBytes: number }>();
  let total = 0;

  const forget = (key: string): void => {
    total -= recent.get(key)?.sizeBytes ?? 0;
    recent.delete(key);
  };

  const make = async (key: string, bytes: Buffer, maxEdge: number): Promise<NormalisedReference> => {
    try {
      const made = await normaliser.normaliseReference(bytes, { maxEdge });
      forget(key);
      recent.set(key, { result: Promise.resolve(made), sizeBytes: made.bytes.length });
      total += made.bytes.length;
      for (const oldest of recent.keys()) if (total > keptBytes) forget(oldest);
      return made;
    } catch (error) {
      forget(key);
      throw error;
    }
  };

  return {
    normaliseReference(bytes, { maxEdge }) {
      const key = `${maxEdge}/${sha256(bytes)}`;
      const known = recent.get(key);
      const entry = known ?? { result: make(key, bytes, maxEdge), sizeBytes: 0 };
      recent.delete(key);
      recent.set(key, entry);
      return entry.result;
    },
    normaliseMask: (bytes, forSize) => normaliser.normaliseMask(bytes, forSize),
  };
}
