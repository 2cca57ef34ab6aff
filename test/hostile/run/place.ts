import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { png } from '../../support/hostile-images.js';
import type { Place } from '../case.js';

/** An ordinary picture, and one that nobody may read: they differ in size. */
export const CAT = png({ width: 4, height: 4 });
export const SECRET = png({ width: 5, height: 5 });

/** Makes the folder of a case: `root/cat.png` and `root/sub/`, `outside/secret.png`, `home/cat.png`, `save/`. */
export function makePlace(folder: string): Place {
  const at = (name: string): string => join(folder, name);
  const place: Place = {
    folder,
    root: at('root'),
    outside: at('outside'),
    save: at('save'),
    home: at('home'),
    write(name, bytes) {
      mkdirSync(dirname(at(name)), { recursive: true });
      writeFileSync(at(name), bytes);
      return at(name);
    },
    link(name, target) {
      symlinkSync(target, at(name));
      return at(name);
    },
    remove: (name) => rmSync(at(name), { recursive: true }),
    rename: (from, to) => renameSync(at(from), at(to)),
  };
  for (const name of ['root/sub', 'save', 'tmp']) mkdirSync(at(name), { recursive: true });
  place.write('root/cat.png', CAT);
  place.write('home/cat.png', CAT);
  place.write('outside/secret.png', SECRET);
  return place;
}
