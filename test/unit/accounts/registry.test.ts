import { describe, expect, it } from '@jest/globals';
import { Account } from '../../../src/accounts/account.js';
import { AccountRegistry } from '../../../src/accounts/registry.js';

const salt = Buffer.alloc(32, 1);
const account = (key: string, provider: 'openai' | 'xai' = 'openai'): Account =>
  new Account({ provider, baseUrl: 'https://x.example/v1', key }, salt);

describe('AccountRegistry', () => {
  it('finds an account by provider and id, and lists none of the keys', () => {
    const registry = new AccountRegistry();
    const one = account('sk-canary');
    registry.add(one, 'client');
    expect(registry.get('openai', one.id)).toBe(one);
    expect(registry.get('xai', one.id)).toBeUndefined();
    expect(JSON.stringify(registry.list())).not.toContain('canary');
    expect(registry.list()).toEqual([{ provider: 'openai', id: one.id, base_url: 'https://x.example/v1', source: 'client' }]);
  });

  it('defaults to the only account, to none of two, and to the credentials file before all', () => {
    const registry = new AccountRegistry();
    expect(registry.defaultFor('openai')).toBeUndefined();
    const one = account('1');
    registry.add(one, 'client');
    registry.add(account('x', 'xai'), 'client');
    expect(registry.defaultFor('openai')).toBe(one);
    registry.add(account('2'), 'client');
    expect(registry.defaultFor('openai')).toBeUndefined();
    const file = account('3');
    registry.add(file, 'credentials');
    expect(registry.defaultFor('openai')).toBe(file);
    const changed = account('4');
    registry.add(changed, 'credentials');
    expect(registry.defaultFor('openai')).toBe(changed);
  });

  it('tells of new accounts only', () => {
    const registry = new AccountRegistry();
    let calls = 0;
    const stop = registry.onChange(() => void calls++);
    registry.add(account('1'), 'client');
    registry.add(account('1'), 'client');
    expect(calls).toBe(1);
    stop();
    registry.add(account('2'), 'client');
    expect(calls).toBe(1);
  });
});
