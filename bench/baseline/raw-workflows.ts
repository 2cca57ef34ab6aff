import { proxyActivities } from '@temporalio/workflow';

const { step } = proxyActivities<{ step(name: string): Promise<string> }>({ startToCloseTimeout: '1 minute' });

/** So many activities that return at once, one after the other. */
export async function sequence({ activities }: { prompt: string; activities: number }): Promise<string> {
  let last = '';
  for (let index = 0; index < activities; index += 1) last = await step(`step ${index}`);
  return last;
}
