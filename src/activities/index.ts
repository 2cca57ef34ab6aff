import type { CollectionActivities } from '../contract/collection.js';
import type { AcceptedOrder, JobActivities } from '../contract/plan.js';
import { asActivityFailure, mayBeCharged } from './boundary.js';
import { collectGarbage } from './collect-garbage.js';
import { cancelGeneration, collectGeneration } from './collect-generation.js';
import type { ActivityDependencies } from './dependencies.js';
import { recordEnd, storeOutputs } from './store-outputs.js';
import { submitGeneration } from './submit-generation.js';
import { uploadReferences } from './upload-references.js';

/** The activities of both workflows, bound to what they work with. Every error leaves them as a Temporal failure with a stable type. */
export function createActivities(deps: ActivityDependencies): JobActivities & CollectionActivities {
  const bound =
    <Argument, Result>(run: (deps: ActivityDependencies, argument: Argument) => Promise<Result>) =>
    async (argument: Argument): Promise<Result> => {
      try {
        return await run(deps, argument);
      } catch (error) {
        throw asActivityFailure(error, deps.settings.IMAGE_RETRY_HOURS);
      }
    };
  return {
    uploadReferences: bound(uploadReferences),
    submitGeneration: bound(submitGeneration),
    collectGeneration: bound((known, order: AcceptedOrder) => mayBeCharged(() => collectGeneration(known, order))),
    cancelGeneration: bound(cancelGeneration),
    storeOutputs: bound(storeOutputs),
    recordEnd: bound(recordEnd),
    collectGarbage: bound(collectGarbage),
  };
}
