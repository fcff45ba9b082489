/** Package name that a dependency string asks for: `conda-forge::numpy >=1.2` → `numpy`. Empty for what has none. */
export function dependencyName(spec: string): string {
  const text = spec.trim();
  const channel = text.indexOf("::");
  const rest = channel >= 0 && !/[\s[]/.test(text.slice(0, channel)) ? text.slice(channel + 2) : text;
  return (/^[A-Za-z0-9_.-]+/.exec(rest)?.[0] ?? "").toLowerCase();
}

/** The part after the name: `numpy >=1.2,<3` → `>=1.2,<3`; empty when there is none. */
export function dependencyConstraint(spec: string): string {
  const text = spec.trim();
  const channel = text.indexOf("::");
  const rest = channel >= 0 && !/[\s[]/.test(text.slice(0, channel)) ? text.slice(channel + 2) : text;
  return rest.replace(/^[A-Za-z0-9_.-]+/, "").trim();
}
