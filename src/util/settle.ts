/**
 * Like Promise.all, but ends only when every promise has: what is still under way when one fails would otherwise go on
 * behind the caller's back, and leave a half-written file after the error was reported. Throws the first error in time;
 * `onFailure` is called with it at once, to cut the others short.
 */
export async function settleAll<T>(
  promises: Iterable<Promise<T>>,
  onFailure: (error: unknown) => void = () => {},
): Promise<T[]> {
  let failed: { error: unknown } | undefined;
  const watched = [...promises].map((promise) =>
    promise.catch((error: unknown) => {
      if (!failed) {
        failed = { error };
        onFailure(error);
      }
      return undefined;
    }),
  );
  const results = await Promise.all(watched);
  if (failed) throw failed.error;
  return results as T[];
}
