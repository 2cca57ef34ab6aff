/** Control, format (bidirectional marks too) and line-separating characters: they could hide or forge text in a message. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Foreign text (a path, a file name, a URL) as it may stand in a message or a record: one line, visible, at most `limit` characters. */
export function shown(text: string, limit = 200): string {
  const visible = text.replace(INVISIBLE, '\u{FFFD}');
  return visible.length <= limit ? visible : `${visible.slice(0, limit - 1)}…`;
}
