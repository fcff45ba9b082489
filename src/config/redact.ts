/**
 * Hides secrets in text that may hold URLs: `/t/<token>/` and the password of `scheme://user:password@host`, in
 * micromamba's spelling. A lone user part is taken for a token and hidden too.
 */
export function redactSecrets(text: string): string {
  return text
    .replace(/\/t\/[^/\s]+(?=\/|$|\s)/g, "/t/*****")
    .replace(
      /([A-Za-z][\w+.-]*:\/\/)([^\s/@:]*)(:[^\s/]*)?@(?=[^\s/@]*)/g,
      (_, scheme: string, user: string, password?: string) =>
        password === undefined ? `${scheme}*****@` : `${scheme}${user}:*****@`,
    );
}

/** The same value with secrets hidden in every string of it. */
export function redactValue<T>(value: T): T {
  if (typeof value === "string") return redactSecrets(value) as T;
  if (Array.isArray(value)) return value.map(redactValue) as T;
  if (value !== null && typeof value === "object") {
    // Those of `channel_settings` have these names; elsewhere a map of URLs may have a channel with such a name.
    const settings = "channel" in value || "auth" in value;
    const secret = (key: string, item: unknown) =>
      /^(password|token)$/.test(key) &&
      typeof item !== "object" &&
      (settings || !String(item).includes("://"));
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, secret(key, item) ? "*****" : redactValue(item)]),
    ) as T;
  }
  return value;
}
