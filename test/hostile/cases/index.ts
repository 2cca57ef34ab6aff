import type { HostileCase } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { ADDRESS_CASES } from './addresses.js';
import { ARGUMENT_CASES } from './arguments.js';
import { CLEANED_CASES } from './cleaned.js';
import { DATA_CASES } from './data.js';
import { DECODING_CASES } from './decoding.js';
import { DOWNLOAD_CASES } from './downloads.js';
import { FILE_CASES } from './files.js';
import { PATH_CASES } from './paths.js';
import { PICTURE_CASES } from './pictures.js';
import { PROGRAM_CASES } from './programs.js';
import { SAVING_CASES } from './saving.js';
import { SETTINGS_CASES } from './settings.js';

/** The table, by theme. */
export const THEMES: Readonly<Record<string, readonly HostileCase<GuardId>[]>> = {
  paths: PATH_CASES,
  files: FILE_CASES,
  settings: SETTINGS_CASES,
  'saved files': SAVING_CASES,
  'data and URIs': DATA_CASES,
  arguments: ARGUMENT_CASES,
  programs: PROGRAM_CASES,
  pictures: PICTURE_CASES,
  decoding: DECODING_CASES,
  'what is kept': CLEANED_CASES,
  addresses: ADDRESS_CASES,
  downloads: DOWNLOAD_CASES,
};

export const CASES: readonly HostileCase<GuardId>[] = Object.values(THEMES).flat();
