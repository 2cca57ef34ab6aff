export const RAW_QUEUE = 'raw';
export const RAW_WORKFLOW = 'sequence';
/** As many as a job has whose provider answers at once: references, submit, store. */
export const RAW_ACTIVITIES = 3;
