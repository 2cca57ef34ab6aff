import { burst } from './burst.js';
import { history } from './history.js';
import { initialize } from './initialize.js';
import { job } from './job.js';
import { packed } from './package.js';
import { preview } from './preview.js';
import { references } from './references.js';
import type { Row } from './row.js';
import { status } from './status.js';
import { submit } from './submit.js';
import { throughput } from './throughput.js';
import { waits } from './waits.js';

/** In the order of the table. */
export const ROWS: readonly Row[] = [initialize, submit, references, job, preview, status, history, throughput, burst, waits, packed];
