import { Locks } from '../../../../src/blobs/lock.js';

/** Takes the locks that it is told, in a folder, says `held`, and never lets go of them. */
const [folder = '', ...names] = process.argv.slice(2);
const locks = new Locks(folder);
process.send?.('ready');
process.on('message', () => {
  let open = names.length;
  for (const name of names) {
    void locks.hold(name, () => {
      open -= 1;
      if (open === 0) process.send?.('held');
      return new Promise(() => {});
    });
  }
});
