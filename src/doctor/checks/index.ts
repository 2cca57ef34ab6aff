import type { Check, Machine } from '../context.js';
import { accounts } from './accounts.js';
import { clock } from './clock.js';
import { credentialsFile } from './credentials-file.js';
import { dataFolder } from './data-folder.js';
import { databases } from './databases.js';
import { defaultProvider } from './default-provider.js';
import { freeSpace } from './free-space.js';
import { localStack, localStackAtAGlance } from './local-stack.js';
import { manifests } from './manifests.js';
import { nodeVersion } from './node-version.js';
import { orphans } from './orphans.js';
import { platform } from './platform.js';
import { providerAddresses } from './provider-addresses.js';
import { referenceFolders } from './reference-folders.js';
import { saveFolder } from './save-folder.js';
import { searchAttributes } from './search-attributes.js';
import { settings } from './settings.js';
import { sharedStore } from './shared-store.js';
import { store } from './store.js';
import { namedBinary, temporalBinary } from './temporal-binary.js';
import { temporalProfile } from './temporal-profile.js';
import { temporal } from './temporal.js';
import { waitingJobs } from './waiting-jobs.js';
import { windowPath } from './window-path.js';
import { workers } from './workers.js';

/** What needs no settings. */
export const MACHINE_CHECKS: readonly Check<Machine>[] = [nodeVersion, platform, windowPath];

/** An error of one of these, and the local stack cannot be started. */
export const BEFORE_THE_STACK: readonly Check[] = [platform, dataFolder, localStack];

/** Everything, in the order in which it is shown: may take seconds, write to the store, and connect to servers and providers. */
export const ALL_CHECKS: readonly Check[] = [
  ...MACHINE_CHECKS,
  settings,
  dataFolder,
  freeSpace,
  store,
  sharedStore,
  saveFolder,
  referenceFolders,
  accounts,
  credentialsFile,
  defaultProvider,
  providerAddresses,
  temporalBinary,
  localStack,
  databases,
  orphans,
  temporalProfile,
  temporal,
  searchAttributes,
  workers,
  clock,
  waitingJobs,
  manifests,
];

/** What a client can see in milliseconds from inside itself: no ping, no provider, no look at every job or process. */
export const CLIENT_CHECKS: readonly Check[] = [
  nodeVersion,
  platform,
  settings,
  dataFolder,
  freeSpace,
  store,
  sharedStore,
  saveFolder,
  referenceFolders,
  accounts,
  credentialsFile,
  defaultProvider,
  namedBinary,
  localStackAtAGlance,
  temporalProfile,
  temporal,
  searchAttributes,
  workers,
  waitingJobs,
];
