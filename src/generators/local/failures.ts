import { JobFailure } from '../../contract/errors.js';

/** A reference whose bytes are no picture that can be decoded. */
export function undecodable(what: string, cause: unknown): JobFailure {
  return new JobFailure({
    code: 'UNSUPPORTED_IMAGE',
    message: `${what} could not be decoded as a picture.`,
    nextStep: 'Give an undamaged PNG, JPEG or WebP file.',
    billing: 'none',
    cause,
  });
}

/** A request that needs a picture and names none. */
export function noReference(): JobFailure {
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: 'The request has no reference picture.',
    nextStep: 'Name at least one picture to work on.',
    billing: 'none',
  });
}
