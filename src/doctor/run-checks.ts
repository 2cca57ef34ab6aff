import { JobFailure } from '../contract/errors.js';
import type { Area, Check } from './context.js';
import { error, warning, type Finding } from './finding.js';

export interface AreaFindings {
  area: Area;
  findings: Finding[];
}

/**
 * Looks at everything at once and gives the findings in the order of the checks. A check that throws or takes too long is a
 * finding of its own, and keeps none of the others.
 */
export async function runChecks<Needs>(checks: readonly Check<Needs>[], context: Needs, limitMs: number): Promise<AreaFindings[]> {
  const looked = await Promise.all(checks.map((check) => within(limitMs, check, lookAt(check, context))));
  const areas = new Map<Area, Finding[]>();
  for (const [index, { area }] of checks.entries()) areas.set(area, [...(areas.get(area) ?? []), ...(looked[index] ?? [])]);
  return [...areas].map(([area, findings]) => ({ area, findings }));
}

async function lookAt<Needs>(check: Check<Needs>, context: Needs): Promise<readonly Finding[]> {
  try {
    return await check.look(context);
  } catch (thrown) {
    if (thrown instanceof JobFailure) return [error(check.id, thrown.message, thrown.nextStep)];
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    return [error(check.id, `This could not be looked at: ${words}.`, 'Mend what the message names and look again.')];
  }
}

async function within<Needs>(ms: number, { id }: Check<Needs>, looking: Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    const message = `This could not be looked at within ${ms / 1000} seconds.`;
    timer = setTimeout(() => resolve([warning(id, message, 'Check that the disk and the server that it is about answer, and look again.')]), ms);
  });
  try {
    return await Promise.race([looking, late]);
  } finally {
    clearTimeout(timer);
  }
}
