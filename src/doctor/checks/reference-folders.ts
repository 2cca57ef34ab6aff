import { stat } from 'node:fs/promises';
import { errnoOf } from '../../blobs/store-failure.js';
import { referenceRoots } from '../../references/roots.js';
import type { Check } from '../context.js';
import { ok, warning } from '../finding.js';

export const referenceFolders: Check = {
  id: 'reference-roots',
  area: 'Settings and folders',
  async look({ settings, cwd, clientRoots }) {
    const { folders } = referenceRoots(settings, { cwd, clientRoots });
    const missing: string[] = [];
    for (const folder of folders) {
      // The save root is made with the first picture.
      const comes = settings.IMAGE_REFERENCE_ROOTS === undefined && folder === settings.saveRoot;
      if (!comes && !(await isFolder(folder))) missing.push(folder);
    }
    if (folders.length === 0) {
      return [warning('reference-roots', 'IMAGE_REFERENCE_ROOTS names no folder, so no local picture can be a reference.', 'Name the folders, or remove the setting.')];
    }
    const there = folders.length - missing.length;
    const found = ok('reference-roots', `References may be read from ${there} of ${folders.length} folders.`);
    if (missing.length === 0) return [ok('reference-roots', `References may be read from ${folders.join(', ')}.`)];
    const one = missing.length === 1;
    const what = `${missing.join(', ')} ${one ? 'is no folder' : 'are no folders'}, so no reference can be read there.`;
    const remedy = settings.IMAGE_REFERENCE_ROOTS === undefined ? 'Correct the roots of the MCP client, or make the folder.' : 'Correct IMAGE_REFERENCE_ROOTS, or make the folder.';
    return [...(there > 0 ? [found] : []), warning('reference-roots', what, remedy)];
  },
};

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return false;
  }
}
