import { proxyActivities } from '@temporalio/workflow';

const { step } = proxyActivities<{ step(name: string): Promise<string> }>({ startToCloseTimeout: '1 minute' });

/** Three activities that return at once, one after the other. */
export async function threeActivities(): Promise<string> {
  await step('one');
  await step('two');
  return step('three');
}
