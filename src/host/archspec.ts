import { ARM_MICROARCHITECTURES, X86_MICROARCHITECTURES } from "./archspec-data.ts";

interface Microarchitecture {
  name: string;
  vendor: string;
  parents: readonly string[];
  features: readonly string[];
}

/**
 * The archspec name of the processor that the text of /proc/cpuinfo describes, or the family's name where nothing more
 * is known. The choice is archspec's: of all microarchitectures whose vendor fits and whose features are all present,
 * and that descend from the best generic level, the one with most ancestors.
 */
export function archspecFromCpuinfo(text: string, family: string): string {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line.trim() === "" && fields.size > 0) break;
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  if (family === "x86_64")
    return x86Name(new Set(fields.get("flags")?.split(/\s+/)), fields.get("vendor_id") ?? "");
  if (family === "aarch64") {
    const found = ARM_MICROARCHITECTURES[`${fields.get("CPU implementer")} ${fields.get("CPU part")}`];
    return found ?? family;
  }
  if (family === "ppc64le") {
    const power = /^POWER(\d+)/.exec(/^cpu\s*:\s*(\S+)/m.exec(text)?.[1] ?? "")?.[1];
    return power && Number(power) >= 8 ? `power${Math.min(Number(power), 10)}le` : family;
  }
  return family;
}

/** The archspec name of an x86-64 processor with these features, in the flags of /proc/cpuinfo. */
export function x86Name(features: ReadonlySet<string>, vendor: string): string {
  const table = new Map(parseTable(X86_MICROARCHITECTURES).map((item) => [item.name, item]));
  const ancestors = (name: string): Set<string> =>
    new Set((table.get(name)?.parents ?? []).flatMap((parent) => [parent, ...ancestors(parent)]));
  const fits = (item: Microarchitecture): boolean =>
    (item.vendor === "" || item.vendor === vendor) &&
    item.features.every((feature) => features.has(feature)) &&
    item.parents.every((parent) => {
      const above = table.get(parent);
      return above !== undefined && (above.vendor === "" || above.vendor === vendor) && fits(above);
    });
  const candidates = [...table.values()]
    .filter(fits)
    .map((item) => ({ ...item, above: ancestors(item.name) }));
  const generic = candidates
    .filter((item) => item.vendor === "")
    .sort((a, b) => b.above.size - a.above.size)[0];
  if (!generic) return "x86_64";
  const special = candidates
    .filter((item) => item.name === generic.name || item.above.has(generic.name))
    .sort((a, b) => b.above.size - a.above.size);
  return special[0]?.name ?? generic.name;
}

function parseTable(text: string): Microarchitecture[] {
  const words = (field: string | undefined) => field?.split(" ").filter(Boolean) ?? [];
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [name = "", vendor = "", parents, features] = line.split("|");
      return { name, vendor, parents: words(parents), features: words(features) };
    });
}
