/** Text of a provider is untrusted: it ends in terminals, logs, JSON and a model's context. */

/** Longest text of a provider that goes into a message or a note. */
export const CLEAN_TEXT_CHARACTERS = 300;

/** Enough of a text for 300 visible characters, however many escape sequences stand between them. */
const EXAMINED_CHARACTERS = 65_536;

/** CSI and OSC sequences and the two-character escapes of a terminal. */
const TERMINAL_SEQUENCES =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -~]?/g;

/** Controls, format characters (bidi marks, zero-width, tags), lone surrogates, private use, unassigned. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]/gu;

/** Keys that are not ours but look like one: a gateway may leak its own. */
const KEY_SHAPES = /\bBearer\s+[^\s"',;]+|\b(?:sk|xai|r8|fal)[-_][A-Za-z0-9_-]{16,}|\bAIza[A-Za-z0-9_-]{30,}/gi;

/** One line without control characters, terminal sequences, bidi marks or secrets, clipped to `maxCharacters`. */
export function cleanText(
  text: string,
  secrets: readonly string[] = [],
  maxCharacters: number = CLEAN_TEXT_CHARACTERS,
): string {
  // Secrets go first, so that no cut can leave a part of one, and once more when nothing invisible splits them.
  const examined = redact(text, secrets).slice(0, EXAMINED_CHARACTERS);
  const visible = examined
    .replace(TERMINAL_SEQUENCES, '')
    .replace(/[^\S\ufeff]+/g, ' ')
    .replace(INVISIBLE, '')
    .replace(/ {2,}/g, ' ')
    .trim();
  const safe = redact(visible, secrets).replace(KEY_SHAPES, '[key]');
  const characters = Array.from(safe);
  return characters.length <= maxCharacters ? safe : `${characters.slice(0, maxCharacters - 1).join('')}…`;
}

/** Replaces each secret, also in its URL-encoded and base64 forms. Three characters are no secret and would shred the text. */
export function redact(text: string, secrets: readonly string[]): string {
  let redacted = text;
  for (const secret of secrets) {
    if (secret.length < 4) continue;
    const bytes = Buffer.from(secret, 'utf8');
    const forms = [secret, encodeURIComponent(secret), bytes.toString('base64'), bytes.toString('base64url')];
    for (const form of new Set(forms)) redacted = redacted.replaceAll(form, '[key]');
  }
  return redacted;
}
