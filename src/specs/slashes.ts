/**
 * The text without slashes at its end. A loop, because `/\/+$/` takes quadratic time on a long run of slashes that
 * something follows, and URLs come from channels and files that are not to be trusted.
 */
export function trimTrailingSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 47) end--;
  return end === text.length ? text : text.slice(0, end);
}
