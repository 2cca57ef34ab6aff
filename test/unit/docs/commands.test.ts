import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { buildProgram } from '../../../src/cli/program.js';
import { blocksOf, documents, textOf } from './documents.js';

const CALL = /(?:^|[ `(])(?:durable-image-mcp|node dist\/cli\.js)((?: [^\s`|;&)]+)+)/g;

interface Call {
  page: string;
  words: string[];
}

/** Calls of our own command in code, inline or in shell blocks. */
async function calls(): Promise<Call[]> {
  const found = (await documents()).map(async (page) => {
    const text = await textOf(page);
    const inline = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code ?? '');
    const lines = blocksOf(text, 'sh').flatMap((block) => block.split('\n'));
    return [...inline, ...lines]
      .filter((code) => !/ mcp add |npm |npx |^\[/.test(code))
      .flatMap((code) => [...code.matchAll(CALL)].map(([, rest = '']) => ({ page, words: rest.trim().split(' ') })));
  });
  return (await Promise.all(found)).flat();
}

const found = await calls();

describe('commands in the documents', () => {
  it('are found', () => {
    expect(found.length).toBeGreaterThan(10);
  });

  it.each(found.map(({ page, words }): [string, string, string[]] => [page, words.join(' '), words]))('%s: durable-image-mcp %s', (_page, _line, words) => {
    let command: Command = buildProgram();
    for (const word of words) {
      if (word.startsWith('--')) {
        expect(command.options.map(({ long }) => long)).toContain(word.split('=')[0]);
        continue;
      }
      const inner = command.commands.find((one) => one.name() === word);
      if (inner !== undefined) command = inner;
      // A word that is no command is an argument, of a command that takes some.
      else expect(word === '[command]' || command.registeredArguments.length > 0).toBe(true);
    }
  });
});
