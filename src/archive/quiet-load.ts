/**
 * Emscripten's start-up code adds process-wide `uncaughtException` and `unhandledRejection` listeners that end the process
 * or print a second trace. A codec has no business there: whatever `load` adds is removed again.
 */
export async function quietLoad<T>(load: () => Promise<T>): Promise<T> {
  const names = ["uncaughtException", "unhandledRejection"] as const;
  const before = names.map((name) => new Set<unknown>(process.listeners(name as "uncaughtException")));
  try {
    return await load();
  } finally {
    names.forEach((name, i) => {
      for (const listener of process.listeners(name as "uncaughtException")) {
        if (!before[i]!.has(listener)) process.removeListener(name, listener);
      }
    });
  }
}
