/** Percent-decoding that takes what is no escape for itself, as `decodeURIComponent` throws at a stray `%`. */
export function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
