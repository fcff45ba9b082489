/** `1.2 MB`, `512 B`: decimal units, at most four digits. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = -1;
  do {
    value /= 1000;
    unit++;
  } while (value >= 999.5 && unit < units.length - 1);
  return `${value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `0.4 s`, `12 s`, `3 min 05 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** `1 package`, `3 packages`. */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`;
}

/** A word for a POSIX shell. Nothing is special between single quotes; a quote itself stands outside of them. */
export function quotePosix(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A word as it is to be typed on a platform: quoted where a POSIX shell, or cmd.exe and PowerShell, would take it apart. */
export function typedWord(text: string, platform: string): string {
  if (platform.startsWith("win")) return /[^\w.\\/@%+=:-]/.test(text) ? `"${text}"` : text;
  return /[^\w./@%+=:,-]/.test(text) ? quotePosix(text) : text;
}
