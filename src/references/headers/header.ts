/** What a picture's header says. */
export interface Header {
  width: number;
  height: number;
  frames: number;
  lossless: boolean;
}

/** The bytes contradict their format; the message is the end of a sentence. */
export class BrokenHeader extends Error {}
