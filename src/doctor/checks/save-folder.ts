import type { Check } from '../context.js';
import { error, ok } from '../finding.js';
import { lookAtFolder } from '../writable-folder.js';

export const saveFolder: Check = {
  id: 'save-folder',
  area: 'Settings and folders',
  async look({ settings: { saveDir } }) {
    const { exists, problem } = await lookAtFolder(saveDir);
    if (problem === undefined) return [ok('save-folder', `Pictures are saved in ${saveDir}${exists ? '' : ', which is made then'}.`)];
    const what = `The folder for pictures, ${saveDir}, cannot be ${exists ? 'written' : 'made'}${problem}.`;
    return [error('save-folder', what, 'Make it writable for the user of this process, or name another in IMAGE_SAVE_DIR.')];
  },
};
