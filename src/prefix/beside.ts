import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";

/** File systems end names at 255 bytes. */
const LONGEST_NAME = 255;

/**
 * Path of something of ours beside a prefix: `.NAME.ENDING`. Of a name that is too long for that, the beginning and a hash of the
 * whole stand for it.
 */
export function beside(prefix: string, ending: string): string {
  const name = basename(prefix);
  const whole = `.${name}.${ending}`;
  if (Buffer.byteLength(whole) <= LONGEST_NAME) return join(dirname(prefix), whole);
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return join(dirname(prefix), `.${name.slice(0, 40)}-${digest}.${ending}`);
}

/** Whether a name in a directory of environments, or in conda-meta, is that of something of ours and of no environment. */
export const isOwnName = (name: string): boolean => /^\.(.+\.)?taipan-/.test(name);
