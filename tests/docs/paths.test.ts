import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { repoRoot } from "../support/shared.ts";

it("every file that the architecture names is there", () => {
  const text = readFileSync(join(repoRoot, "docs/architecture.md"), "utf8");
  const named = [...text.matchAll(/`((?:src|solver|fixtures|tests|scripts|docs|bin)\/[^`\s]*)`/g)].map(
    ([, path]) => path!,
  );
  const missing = named.filter((path) => {
    if (path.includes("NAME")) return false;
    if (!path.includes("*")) return !existsSync(join(repoRoot, path));
    const start = path.slice(0, path.indexOf("*"));
    const directory = join(repoRoot, dirname(`${start}x`));
    return !readdirSync(directory).some((name) => join(directory, name).startsWith(join(repoRoot, start)));
  });
  expect(named.length).toBeGreaterThan(40);
  expect(missing).toEqual([]);
});

const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(repoRoot, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

it("every file that a document names or links to is there", () => {
  const missing = DOCUMENTS.flatMap((document) => {
    const text = readFileSync(join(repoRoot, document), "utf8");
    const named = [...text.matchAll(/`((?:src|solver|fixtures|scripts|action|bench)\/[\w./-]+)`/g)].map(
      ([, path]) => path!,
    );
    const linked = [...text.matchAll(/\]\((?!\w+:)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, path]) =>
      join(dirname(document), path!),
    );
    return [...named, ...linked]
      .filter((path) => !path.includes("NAME") && !existsSync(join(repoRoot, path)))
      .map((path) => `${document}: ${path}`);
  });
  expect(missing).toEqual([]);
});
