import { readText } from "../fs/files.ts";
import { fileStamp, readChunks } from "../fs/index-files.ts";
import type { Validators } from "../workers/protocol.ts";
import type { LoadContext, SubdirRequest } from "./context.ts";
import { indexFlat } from "./flat-subdir.ts";
import type { IndexFile } from "./index-format.ts";
import type { CachePaths } from "./state.ts";

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/**
 * What conda (`.info.json`) or mamba (`.state.json`) know of the `.json` beside it: undefined unless size and time say that
 * the file is still the one they speak of. Their keys: url, etag, mod, cache_control, size, mtime_ns, refresh_ns.
 */
async function readForeignState(
  path: string,
  request: SubdirRequest,
  stamp: { size: number; mtimeNs: string },
): Promise<Validators | undefined> {
  let state: Record<string, unknown>;
  try {
    const raw = await readText(path);
    if (raw === undefined || raw.length > 65536) return undefined;
    // Nanoseconds since the epoch do not fit a double: compare them as they are written.
    state = JSON.parse(raw.replace(/("(?:mtime_ns|refresh_ns)"\s*:\s*)([0-9]+)/g, '$1"$2"'));
  } catch {
    return undefined;
  }
  if (state === null || typeof state !== "object") return undefined;
  if (state["size"] !== stamp.size || state["mtime_ns"] !== stamp.mtimeNs) return undefined;
  if (!text(state["url"])?.startsWith(request.url)) return undefined;
  const checked = text(state["refresh_ns"]) ?? stamp.mtimeNs;
  if (!/^[0-9]{1,20}$/.test(checked)) return undefined;
  return {
    etag: text(state["etag"]),
    lastModified: text(state["mod"]),
    cacheControl: text(state["cache_control"]),
    checkedAt: Number(BigInt(checked) / 1_000_000n),
  };
}

/** Indexes what another tool has in the same cache directory, when it may be used without asking the server. */
export async function openForeign(
  request: SubdirRequest,
  paths: CachePaths,
  usable: (validators: Validators) => boolean,
  context: LoadContext,
): Promise<IndexFile | undefined> {
  const stamp = await fileStamp(paths.json);
  if (!stamp) return undefined;
  for (const path of paths.foreignStates) {
    const validators = await readForeignState(path, request, stamp);
    if (!validators || !usable(validators)) continue;
    const source = { name: "repodata.json", body: readChunks(paths.json), total: stamp.size, validators };
    // A damaged file of theirs is no reason to fail: ours will be fetched.
    const file = await indexFlat(request, source, paths.index, context).catch(() => undefined);
    if (file) return file;
  }
  return undefined;
}
