import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cloneEnvironment } from "../../src/prefix/clone.ts";
import { planMoves } from "../../src/prefix/moves.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { packagesAtRevision } from "../../src/prefix/revisions.ts";
import { distString, type PackageCacheRecord } from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import {
  defaultOptions,
  type FileSpec,
  makePackage,
  PLACEHOLDER,
  sandbox,
  snapshot,
  withoutHistory,
} from "../support/extracted.ts";

const NAMES = ["a", "b", "c", "d"] as const;
const VERSIONS = ["1.0", "2.0"] as const;
const DIRECTORIES = ["lib", "lib/deep/er", "share/x", "bin"] as const;

/** Files of one package, by a number for each: few directories, so that packages share them, and every kind of file. */
const fileArb = fc.record({
  directory: fc.constantFrom(...DIRECTORIES),
  name: fc.constantFrom("one", "two", "three", "four"),
  kind: fc.constantFrom("plain", "program", "text", "binary", "link", "empty directory"),
});
const filesArb = fc.array(fileArb, { minLength: 1, maxLength: 6 });
type Files = (typeof filesArb extends fc.Arbitrary<infer T> ? T : never)[number];

function fileSpec(kind: Files["kind"], content: string): FileSpec {
  switch (kind) {
    case "program":
      return { content: `#!/bin/sh\n# ${content}\n`, mode: 0o755 };
    case "text":
      return { content: `#!${PLACEHOLDER}/bin/sh\n${content}\n`, prefix: "text", mode: 0o755 };
    case "binary":
      return { content: `\0${PLACEHOLDER}/lib\0${content}\0`, prefix: "binary" };
    case "link":
      return { link: "../nowhere" };
    case "empty directory":
      return { directory: true };
    default:
      return { content };
  }
}

/** Packages of every name and version. With `own`, no two packages have a path in common. */
function buildWorld(
  pkgs: string,
  files: readonly (readonly Files[])[],
  own: boolean,
): PackageCacheRecord[][] {
  return NAMES.map((name, i) =>
    VERSIONS.map((version, j) => {
      const specs: Record<string, FileSpec> = {};
      for (const { directory, name: file, kind } of files[(i * VERSIONS.length + j) % files.length] ?? [])
        specs[`${directory}/${file}${own ? `-${name}` : ""}${kind === "empty directory" ? ".d" : ""}`] =
          fileSpec(kind, `${name} ${version}`);
      return makePackage(pkgs, { name, version, files: specs });
    }),
  );
}

/** Which version of each package an environment has; undefined is none. */
const choiceArb = fc.array(fc.option(fc.constantFrom(0, 1), { nil: undefined }), {
  minLength: NAMES.length,
  maxLength: NAMES.length,
});
const worldArb = fc.array(filesArb, { minLength: NAMES.length * 2, maxLength: NAMES.length * 2 });
const pick = (world: PackageCacheRecord[][], choice: readonly (number | undefined)[]): PackageCacheRecord[] =>
  choice.flatMap((version, i) => (version === undefined ? [] : [world[i]![version]!]));

const RUNS = { numRuns: 25 };

describe("environments", () => {
  test("depend on what is in them, not on how they came about", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        worldArb,
        fc.array(choiceArb, { minLength: 2, maxLength: 4 }),
        async (files, steps) => {
          const [box, fresh] = [sandbox(), sandbox()];
          const world = buildWorld(join(box.root, "pkgs"), files, true);
          for (const step of steps) await box.set(pick(world, step));
          await fresh.set(pick(world, steps.at(-1)!));
          const normal = (tree: Record<string, string>) => Object.keys(tree).length;
          // The path of the prefix is in patched files: the same environment made anew in the same place is the measure.
          const changed = snapshot(box.prefix, withoutHistory);
          expect(normal(changed)).toBe(normal(snapshot(fresh.prefix, withoutHistory)));
          await box.set(pick(world, steps.at(-1)!), { reinstall: [...NAMES] });
          expect(snapshot(box.prefix, withoutHistory)).toEqual(changed);
        },
      ),
      RUNS,
    );
  });

  test("install A, then B, then remove B is install A, also where B has files of A", {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(worldArb, choiceArb, choiceArb, async (files, first, second) => {
        const box = sandbox();
        // Files only: what happens to a file where another package has a directory is a refusal or a loss, told in words.
        const world = buildWorld(
          box.pkgs,
          files.map((list) => list.filter(({ kind }) => kind !== "empty directory")),
          false,
        );
        const base = first.map((version) => version);
        const more = base.map((version, i) => version ?? second[i]);
        await box.set(pick(world, base));
        const owned = new Map<string, number>();
        for (const { files: list } of (await readPrefix(box.prefix))!.records)
          for (const path of list) owned.set(path, (owned.get(path) ?? 0) + 1);
        // Two packages of A with one path: which one is there is not recorded, and either may come back.
        const shared = (path: string): boolean => withoutHistory(path) || (owned.get(path) ?? 0) > 1;
        const before = snapshot(box.prefix, shared);
        await box.set(pick(world, more));
        await box.set(pick(world, base));
        expect(snapshot(box.prefix, shared)).toEqual(before);
      }),
      RUNS,
    );
  });

  test("going back to a revision is the environment as it was", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        worldArb,
        fc.array(choiceArb, { minLength: 2, maxLength: 4 }),
        async (files, steps) => {
          const box = sandbox();
          const world = buildWorld(box.pkgs, files, true);
          const all = world.flat();
          const states: Record<string, string>[] = [];
          for (const step of steps) {
            await box.set(pick(world, step));
            states.push(snapshot(box.prefix, withoutHistory));
          }
          const { history } = (await readPrefix(box.prefix))!;
          for (const [revision, state] of states.entries()) {
            const wanted = packagesAtRevision(history, revision).map(distString);
            await box.set(wanted.map((dist) => all.find((record) => distString(record) === dist)!));
            expect(snapshot(box.prefix, withoutHistory)).toEqual(state);
          }
        },
      ),
      RUNS,
    );
  });

  test("a clone is what creating it there makes", { timeout: 60_000 }, async () => {
    const pool = createPool({ size: 1, mode: "inline", handlers });
    await fc.assert(
      fc.asyncProperty(worldArb, choiceArb, async (files, choice) => {
        const [box, made] = [sandbox("original"), sandbox("copy")];
        const packages = pick(buildWorld(box.pkgs, files, true), choice);
        await box.set(packages);
        await made.set(packages);
        const created = snapshot(made.prefix, withoutHistory);
        const aside = sandbox("aside");
        await cloneEnvironment(box.prefix, aside.prefix, defaultOptions, {
          pool,
          events: () => {},
          command: ["taipan", "create", "--clone"],
        });
        const clone = snapshot(aside.prefix, withoutHistory);
        expect(Object.keys(clone)).toEqual(Object.keys(created));
        for (const [path, state] of Object.entries(clone))
          expect([path, state.split(" ").slice(0, 2)]).toEqual([path, created[path]!.split(" ").slice(0, 2)]);
        // Where the prefix has the same path, the bytes are the same, too: linking every package again changes nothing.
        await aside.set(packages, { reinstall: [...NAMES] });
        expect(snapshot(aside.prefix, withoutHistory)).toEqual(clone);
      }),
      RUNS,
    );
  });
});

describe("file systems that ignore case", () => {
  test("an arriving file replaces the one that is spelt differently, and the journal knows it", () => {
    const box = sandbox();
    const staged = join(box.root, "staged");
    mkdirSync(join(box.prefix, "Lib"), { recursive: true });
    mkdirSync(join(staged, "lib"), { recursive: true });
    writeFileSync(join(box.prefix, "Lib/File.txt"), "old");
    writeFileSync(join(staged, "lib/file.txt"), "new");
    const nothing = { files: [], directories: [], keptByteCode: new Set<string>() };
    // The test's own file system tells the two directories apart, so only the first level is compared here.
    expect(planMoves(box.prefix, nothing, staged).in).toEqual(["lib"]);
    const inside = planMoves(join(box.prefix, "Lib"), nothing, join(staged, "lib"), (name) =>
      name.toLowerCase(),
    );
    expect(inside).toEqual({
      out: ["File.txt"],
      emptied: [],
      in: ["file.txt"],
      overwritten: ["file.txt"],
      outside: [],
    });
  });
  test("what goes is found under the name that it has on the disk, which may be another package's spelling", () => {
    const box = sandbox();
    mkdirSync(join(box.prefix, "share/__pycache__"), { recursive: true });
    for (const file of ["x", "Y.py", "__pycache__/Y.cpython-311.pyc", "__pycache__/x.cpython-311.pyc"])
      writeFileSync(join(box.prefix, "share", file), "");
    const removed = { files: ["Share/y.PY"], directories: [], keptByteCode: new Set<string>() };
    const moves = planMoves(box.prefix, removed, undefined, (name) => name.toLowerCase());
    expect(moves.out.sort()).toEqual(["share/Y.py", "share/__pycache__/Y.cpython-311.pyc"]);
    expect(planMoves(box.prefix, removed, undefined).out).toEqual([]);
  });

  test.each([
    ["as it is", (name: string) => name],
    ["folded", (name: string) => name.toLowerCase()],
  ])("what goes through a symlink goes whole, under the names on the disk: %s", (_, fold) => {
    const box = sandbox();
    mkdirSync(join(box.prefix, "real/Sub"), { recursive: true });
    for (const file of ["Name.txt", "Sub/Deep.txt"]) writeFileSync(join(box.prefix, "real", file), "");
    symlinkSync("real", join(box.prefix, "via"));
    const files = ["via/Name.txt", "via/Sub/Deep.txt", "via/gone.txt"];
    const removed = { files, directories: [], keptByteCode: new Set<string>() };
    expect(planMoves(box.prefix, removed, undefined, fold).out.sort()).toEqual(["real/Name.txt", "real/Sub"]);
  });
});
