import type { ConflictCore } from "../../solver/index.ts";
import type { Prepared } from "./request.ts";
import type { Conflict, SolveRequest, SolveStats } from "./types.ts";

export function explainConflict(
  _request: SolveRequest,
  prepared: Prepared,
  core: ConflictCore,
  stats: SolveStats,
  _checkpoint: () => void,
): Conflict {
  const { provider } = prepared;
  const text = (id: number): string => {
    const r = provider.recordOf(id);
    return `${r.name}-${r.version}-${r.build}`;
  };
  const lines = core.facts.map((f) => {
    const x = f as unknown as Record<string, number | undefined>;
    return `${f.kind} ${Object.entries(x)
      .map(([k, v]) =>
        typeof v === "number" ? `${k}=${k === "versionSet" ? provider.versionSets[v]!.text : text(v)}` : "",
      )
      .join(" ")}`;
  });
  return { kind: "conflict", notFound: [], roots: [], message: lines.join("\n"), hints: [], stats };
}
