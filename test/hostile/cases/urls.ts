/** A URL for a query: what is not ASCII as the network sends it. */
export function encodedUrl(url: string): string {
  return encodeURIComponent(url.replace(/[^\p{ASCII}]+/gu, encodeURIComponent));
}

/** A public site's redirect. */
export function redirectTo(url: string, status = 302): string {
  return `https://pictures.test/to?status=${status}&url=${encodedUrl(url)}`;
}
