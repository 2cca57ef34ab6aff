export const RAW_QUEUE = 'raw';
export const RAW_WORKFLOW = 'threeActivities';
