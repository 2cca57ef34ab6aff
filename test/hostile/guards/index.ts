import { ARGUMENT_GUARDS } from './arguments.js';
import { DECODER_GUARDS } from './decoder.js';
import { HEADER_GUARDS } from './headers.js';
import { NETWORK_GUARDS } from './network.js';
import { PATH_GUARDS } from './paths.js';

/** Every guard of the product against hostile pictures, paths, URLs and arguments. */
export const GUARDS = [...PATH_GUARDS, ...ARGUMENT_GUARDS, ...HEADER_GUARDS, ...DECODER_GUARDS, ...NETWORK_GUARDS] as const;

export type GuardId = (typeof GUARDS)[number]['id'];
