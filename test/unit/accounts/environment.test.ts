import { describe, expect, it } from '@jest/globals';
import { makerFor, readAccounts } from '../../../src/accounts/environment.js';

describe('readAccounts', () => {
  it('takes key, URL and models from one family, for both OpenAI providers', () => {
    const accounts = readAccounts({
      OPENAI_API_KEY: 'sk-1',
      OPENAI_BASE_URL: 'http://127.0.0.1:9/v1/',
      OPENAI_IMAGE_MODEL: 'gpt-image-1',
      EFLOWCODE_BASE_URL: 'https://other.example/v1',
      EF_MODEL: 'another',
    });
    expect(accounts).toEqual([
      { provider: 'openai', baseUrl: 'http://127.0.0.1:9/v1', key: 'sk-1', models: { image: 'gpt-image-1' } },
      { provider: 'openai-images', baseUrl: 'http://127.0.0.1:9/v1', key: 'sk-1', models: { image: 'gpt-image-1' } },
    ]);
  });

  it('never sends one family’s key to the URL of another', () => {
    const [account] = readAccounts({ EFLOWCODE_API_KEY: 'ef-key', OPENAI_BASE_URL: 'https://openai.example/v1', EF_BASE_URL: 'https://ef.example' });
    expect(account).toMatchObject({ key: 'ef-key', baseUrl: 'https://e-flowcode.cc/v1' });
    const [openai] = readAccounts({ OPENAI_API_KEY: 'sk-1', EFLOWCODE_BASE_URL: 'https://flow.example/v1' });
    expect(openai).toMatchObject({ key: 'sk-1', baseUrl: 'https://api.openai.com/v1' });
  });

  it('prefers EFLOWCODE_*, then EF_*, then OPENAI_*', () => {
    const keys = { EFLOWCODE_API_KEY: 'a', EF_API_KEY: 'b', OPENAI_API_KEY: 'c' };
    expect(readAccounts({ ...keys, EFLOWCODE_MODEL: 'gpt-5.5' })[0]).toMatchObject({ key: 'a', models: { responses: 'gpt-5.5' } });
    expect(readAccounts({ ...keys, EFLOWCODE_API_KEY: ' ' })[0]).toMatchObject({ key: 'b' });
    expect(readAccounts({ OPENAI_API_KEY: 'c' })[0]).toMatchObject({ key: 'c' });
  });

  it('reads the other providers, and no account without a key', () => {
    expect(readAccounts({ OPENAI_BASE_URL: 'https://x.example', XAI_BASE_URL: 'https://y.example' })).toEqual([]);
    const names = readAccounts({ GEMINI_API_KEY: '1', XAI_API_KEY: '2', BFL_API_KEY: '3', FAL_KEY: '4', REPLICATE_API_TOKEN: '5' });
    expect(names.map((account) => account.provider)).toEqual(['gemini', 'xai', 'bfl', 'fal', 'replicate']);
  });

  it('reads a server of one’s own, which needs no key', () => {
    const server = { SDCPP_BASE_URL: 'http://127.0.0.1:1234/' };
    expect(readAccounts(server)).toEqual([{ provider: 'sdcpp', baseUrl: 'http://127.0.0.1:1234', key: '', models: {} }]);
    expect(readAccounts({ ...server, SDCPP_API_KEY: 'guard' })).toMatchObject([{ provider: 'sdcpp', key: 'guard' }]);
    expect(readAccounts({ SDCPP_API_KEY: 'guard' })).toEqual([]);
    expect((['openai', 'gemini', 'sdcpp', 'local'] as const).map(makerFor)).toEqual(['OPENAI_API_KEY', 'GEMINI_API_KEY', 'SDCPP_BASE_URL', undefined]);
  });

  it('names a bad variable and never its value', () => {
    const read = (env: Record<string, string>) => () => readAccounts(env);
    expect(read({ OPENAI_API_KEY: 'sk-secret\nX: y' })).toThrow(/^OPENAI_API_KEY (?!.*secret)/);
    expect(read({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'https://user:secret@x.example' })).toThrow(/^OPENAI_BASE_URL (?!.*secret)/);
    expect(read({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'ftp://x.example' })).toThrow('OPENAI_BASE_URL');
  });
});
