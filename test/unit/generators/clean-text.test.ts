import { describe, expect, it } from '@jest/globals';
import { cleanText, redact } from '../../../src/generators/clean-text.js';

const KEY = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789';

describe('text of a provider', () => {
  it.each<[string, string, string]>([
    ['newlines and tabs', 'one\r\n\ttwo\u2028three', 'one two three'],
    ['control characters', 'a\u0000b\u0007c\u007fd\u0085e', 'abcde'],
    ['colours of a terminal', '\u001b[1;31mred\u001b[0m \u009b2Jtext', 'red text'],
    ['titles and links of a terminal', '\u001b]0;title\u0007\u001b]8;;https://x.test\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['bidi marks', 'abc\u202egnp.exe\u202c \u2066x\u2069', 'abcgnp.exe x'],
    ['zero width and tags', 'a\u200bb\ufeffc\u{e0041}d', 'abcd'],
    ['lone surrogates', 'a\ud800b', 'ab'],
    ['many spaces', '  a   b  ', 'a b'],
  ])('loses %s', (_name, text, clean) => expect(cleanText(text)).toBe(clean));

  it('keeps what people write', () => {
    const text = 'Größe 1024×1024: „не поддерживается“ 不支持 🦊 – 50 %';
    expect(cleanText(text)).toBe(text);
  });

  it('is clipped by characters, not in the middle of one', () => {
    const clipped = cleanText('🦊'.repeat(400));
    expect(Array.from(clipped)).toHaveLength(300);
    expect(clipped.endsWith('🦊…')).toBe(true);
  });

  it('loses the key, plain, encoded, hidden behind invisible characters or at the edge of the clip', () => {
    const spaced = `${KEY.slice(0, 9)}\u200b${KEY.slice(9)}`;
    for (const form of [KEY, `"${KEY}"`, encodeURIComponent(KEY), Buffer.from(KEY).toString('base64'), spaced, `\u001b[31m${KEY}`]) {
      expect(cleanText(`key ${form} is wrong`, [KEY])).toMatch(/^key "?\[key\]"? is wrong$/);
    }
    expect(cleanText(`${'x'.repeat(290)} ${KEY}`, [KEY])).not.toContain('sk-');
    expect(cleanText(`${'\u0000'.repeat(65_530)}${KEY}`, [KEY])).not.toContain('sk-');
  });

  it("loses keys that are not ours: a gateway's own", () => {
    expect(cleanText('sent Authorization: Bearer abc.def-123 with sk-live_0123456789abcdefXYZ')).toBe('sent Authorization: [key] with [key]');
    expect(cleanText('key=AIzaSyA-0123456789abcdefghijklmnopqrstu')).toBe('key=[key]');
  });

  it('is not shredded by a key of three characters', () => expect(redact('a cab', ['a'])).toBe('a cab'));
});
