import type { Billing, ErrorCode, JobError } from '../contract/errors.js';
import type { JobInput, Unchecked } from '../contract/input.js';
import { JOB_KINDS } from '../contract/names.js';
import type { Cancelled, GenerationOrder, ItemOutcome, Plan, PlannedItem, StoreOrder, Target, Timing } from '../contract/plan.js';
import type { JobRecord, JobStage, JobStatus } from '../contract/record.js';
import { JobEndedError, type ItemFailure } from './failures.js';
import { currentDetails } from './current-details.js';

/** What the workflow knows of its job: a plain reducer without side effects but the text for the Web UI. */
export class JobState {
  private readonly input: Unchecked<JobInput>;
  private stage: JobStage = 'queued';
  private plan: Plan | undefined;
  private readonly outcomes: ItemOutcome[] = [];
  private readonly inFlight = new Map<number, GenerationOrder>();
  private readonly warnings: string[] = [];
  private failure: ItemFailure | undefined;
  private cancelBilling: Billing = 'none';
  private final: JobRecord | undefined;

  constructor(
    private readonly run: { workflowId: string; runId: string; namespace: string; startedAt: Date },
    input: Unchecked<JobInput>,
    private readonly show: (markdown: string) => void,
  ) {
    this.input = believable(input);
  }

  enter(stage: JobStage): void {
    this.stage = stage;
    this.refresh();
  }

  planned(plan: Plan): void {
    this.plan = plan;
    this.warnings.push(...plan.warnings, ...plan.targets[0].warnings);
    this.refresh();
  }

  ordered(order: GenerationOrder): void {
    this.inFlight.set(order.item.item, order);
  }

  finished(outcome: ItemOutcome): void {
    this.outcomes.push(outcome);
    this.inFlight.delete(outcome.item);
    if (outcome.generated?.late) {
      this.warnings.push("The provider's reply came after the job had given it up; its image was collected then.");
    }
    this.refresh();
  }

  fellBack(from: Target, to: Target, error: JobError): void {
    this.warnings.push(`${from.provider} did not take it (${error.code}: ${error.message}); ${to.provider} was used instead.`);
    this.warnings.push(...to.warnings);
  }

  /** What became of an order without an end; undefined when neither the store nor the provider could tell. */
  cutOff({ target }: GenerationOrder, told: Cancelled | undefined): void {
    const { billing, message } = told ?? {
      billing: 'maybe',
      message: `${target.provider} could not be asked to stop; it may still bill.`,
    };
    if (message !== undefined) this.warnings.push(message);
    this.cancelBilling = worse(this.cancelBilling, billing);
  }

  failedWith(failure: ItemFailure): void {
    this.failure = failure;
  }

  ended(record: JobRecord): JobRecord {
    this.final = record;
    this.refresh();
    return record;
  }

  /** When deadline_seconds are over; what is no such number the first activity refuses. */
  deadlineAt(): string | undefined {
    const { deadline_seconds: limit } = this.input;
    const end = typeof limit === 'number' ? new Date(this.run.startedAt.getTime() + limit * 1000) : undefined;
    return end && Number.isFinite(end.getTime()) ? end.toISOString() : undefined;
  }

  timing(): Timing | undefined {
    return this.plan?.timing;
  }

  /** Orders without an end that may have reached a provider. One that cannot bill is forgotten. */
  open(): GenerationOrder[] {
    return [...this.inFlight.values()].filter(({ target }) => !target.free);
  }

  hasImages(): boolean {
    return this.outcomes.some((outcome) => outcome.generated !== undefined);
  }

  /** When no picture came: the failure that a person must know first (a possible charge), else the first item's. */
  failureOfItems(): Error {
    const inOrder = [...this.outcomes].sort((a, b) => a.item - b.item);
    const worst = inOrder.find((outcome) => outcome.error?.code === 'MAYBE_BILLED') ?? inOrder.find((outcome) => outcome.error);
    const jobError: JobError = worst?.error ?? {
      code: 'NO_IMAGE',
      message: 'The job ended without an image.',
      next_step: 'Change the prompt or the provider and submit again.',
      retryable: false,
    };
    return new JobEndedError({ jobError, billing: this.billing() });
  }

  cancellationError(deadlinePassed: boolean): ItemFailure {
    const code: ErrorCode = deadlinePassed ? 'DEADLINE_EXCEEDED' : 'CANCELLED';
    const message = deadlinePassed
      ? `The job did not end within its deadline_seconds of ${this.input.deadline_seconds}.`
      : 'The job was cancelled.';
    const next = deadlinePassed
      ? 'Call image_job_retry, or submit again with a longer deadline_seconds.'
      : 'Nothing to do; image_job_retry runs it again.';
    return {
      jobError: { code, message, next_step: next, retryable: deadlinePassed },
      billing: worse(this.billing(), this.cancelBilling),
    };
  }

  private billing(): Billing {
    return this.outcomes.reduce<Billing>((sum, outcome) => worse(sum, outcome.billing), 'none');
  }

  /** The record as it stands; `status` gives the end that it is about to reach. */
  record(now: Date, status: JobStatus = 'running'): JobRecord {
    if (this.final) return this.final;
    const target = this.plan?.targets[0];
    const { workflowId, runId, namespace, startedAt } = this.run;
    const running = status === 'running';
    const record: JobRecord = {
      ok: status === 'completed',
      job_id: workflowId,
      kind: this.input.kind,
      status,
      done: !running,
      message: '',
      age_seconds: Math.round((now.getTime() - startedAt.getTime()) / 100) / 10,
      created_at: startedAt.toISOString(),
      updated_at: now.toISOString(),
      temporal: { workflow_id: workflowId, run_id: runId, namespace },
    };
    if (running) record.stage = this.stage;
    // Who made the pictures, or was asked last: a fallback may have been.
    const [made, ...others] = new Set(this.outcomes.map((outcome) => outcome.provider));
    const provider = made !== undefined && others.length === 0 ? made : (target?.provider ?? this.input.provider);
    if (provider !== undefined) record.provider = provider;
    const model = target === undefined || target.provider === provider ? (target?.model ?? this.input.model) : undefined;
    if (model !== undefined) record.model = model;
    if (this.input.tags?.length) record.tags = this.input.tags;
    const total = this.plan?.items.length ?? 1;
    if (total > 1) record.progress = { completed: this.outcomes.length, total };
    if (this.warnings.length > 0) record.warnings = [...new Set(this.warnings)];
    const billing = this.failure ? worse(this.failure.billing, this.cancelBilling) : this.billing();
    if (billing !== 'none' || !running) record.billing = billing;
    if (this.failure && !running) {
      record.error = this.failure.jobError;
      record.message = this.failure.jobError.message;
      record.next_step = this.failure.jobError.next_step;
    } else if (running) {
      record.message = `${this.stage === 'queued' ? 'Queued' : `The job is ${this.stage}`}.`;
      record.next_step = 'Read the workflow again later, or wait for its result.';
    }
    return record;
  }

  storeOrder(status: JobStatus): StoreOrder {
    const outcomes = [...this.outcomes].sort((a, b) => a.item - b.item);
    return { record: this.record(new Date(), status), outcomes, n_references: this.plan?.n_references };
  }

  uploadSummary(): string {
    const references = this.input.image_paths?.length ?? (this.input.image_path === undefined ? 0 : 1);
    return references === 0 ? 'check the input' : `${references} reference${references === 1 ? '' : 's'}`;
  }

  itemSummary(item: PlannedItem, target: Target): string {
    const total = this.plan?.items.length ?? 1;
    return total > 1 ? `image ${item.item + 1} of ${total} at ${target.provider}` : `one image at ${target.provider}`;
  }

  storeSummary(): string {
    const images = this.outcomes.reduce((sum, outcome) => sum + (outcome.generated?.outputs.length ?? 0), 0);
    return `${images} image${images === 1 ? '' : 's'}`;
  }

  private refresh(): void {
    this.show(currentDetails(this.record(new Date())));
  }
}

/** Of an input that nobody has checked yet, what can stand in a record: it is shown before the first activity has read it. */
function believable(input: Unchecked<JobInput>): Unchecked<JobInput> {
  const { kind, provider, model, tags } = input;
  const texts = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
  return {
    ...input,
    kind: kind && JOB_KINDS.includes(kind) ? kind : undefined,
    provider: typeof provider === 'string' ? provider : undefined,
    model: typeof model === 'string' ? model : undefined,
    tags: texts ? tags : undefined,
  };
}

const ORDER: Billing[] = ['none', 'billed', 'maybe'];

/** Of two, the one that a person must know: maybe over billed over none. */
function worse(a: Billing, b: Billing): Billing {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}
