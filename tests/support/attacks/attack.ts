import type { ExtractOptions } from "../../../src/archive/extract.ts";
import type { RawMember } from "../raw-tar.ts";

export type Code = "archive-invalid" | "archive-unsafe-path";

/** An archive that must be refused, with this code and whatever the pieces that it comes in. */
export interface Attack {
  name: string;
  code: Code;
  archive: () => Promise<Uint8Array>;
  options?: Partial<ExtractOptions>;
}

export const file = (name: string, content = "evil"): RawMember => ({ name, content });
export const link = (name: string, target: string): RawMember => ({ name, type: "2", target });
