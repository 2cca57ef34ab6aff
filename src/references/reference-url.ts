import { isIP } from 'node:net';
import { JobFailure } from '../contract/errors.js';
import { isPublicAddress } from './addresses.js';
import { shown } from './shown.js';

export interface UrlRules {
  /** IMAGE_ALLOW_PRIVATE_REFERENCE_URLS: private addresses and plain http too. */
  allowPrivate: boolean;
  /** Which addresses may be connected to; for tests. */
  isAllowedAddress?: (address: string) => boolean;
}

/**
 * A reference's URL, checked without the network: https, no credentials, and no literal address that is refused. The URL parser
 * has by then turned every spelling of an IPv4 address (decimal, octal, hex, short) into the dotted one. Ports are not restricted:
 * the answer of whatever listens there is only believed when it is a picture.
 * @throws JobFailure INVALID_ARGUMENT (no URL), PERMISSION_DENIED (scheme, credentials, address).
 */
export function checkReferenceUrl(given: string, rules: UrlRules): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: `${shown(given)} is not a valid URL.`,
      nextStep: 'Give the complete https:// URL of a picture.',
    });
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && rules.allowPrivate)) {
    throw denied(
      `References are fetched by https only, not by ${shown(url.protocol, 20)}//.`,
      'Give the https:// URL of the picture, or download it and give its path.',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw denied('The URL contains a user name or password.', 'Download the picture yourself and give its path.');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isLoopbackName = /(^|\.)localhost\.?$/.test(host) && !rules.allowPrivate && !rules.isAllowedAddress;
  if (isLoopbackName || (isIP(host) !== 0 && !mayConnect(host, rules))) throw deniedAddress(url);
  return url;
}

/** Whether an address may be connected to under these rules. */
export function mayConnect(address: string, rules: UrlRules): boolean {
  return rules.allowPrivate || (rules.isAllowedAddress ?? isPublicAddress)(address);
}

/** The refusal of a host for its address; the address itself stays unsaid, since it tells about the network inside. */
export function deniedAddress(url: URL): JobFailure {
  return denied(
    `${shownUrl(url)} leads to an address that is not on the public internet.`,
    'Download the picture yourself and give its path, or set IMAGE_ALLOW_PRIVATE_REFERENCE_URLS=1 if the server is yours.',
  );
}

/** A URL for a message, without its query: that may be a signature. */
export function shownUrl(url: URL): string {
  return shown(url.origin + url.pathname, 120);
}

function denied(message: string, nextStep: string): JobFailure {
  return new JobFailure({ code: 'PERMISSION_DENIED', message, nextStep });
}
