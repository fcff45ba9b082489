import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkDependencies, parseEnvironmentFile } from "../../src/specs/environment-file.ts";
import { writeCondaLock, writePixiLock } from "../../src/specs/export/index.ts";
import { parseCondaLock, parsePixiLock, selectLocked } from "../../src/specs/lock/index.ts";
import { parseMatchSpec } from "../../src/specs/match-spec.ts";
import type { RepoDataRecord } from "../../src/specs/records.ts";
import { sharedPath } from "../support/shared.ts";

const envs = sharedPath("envs");
const locks = sharedPath("data", "locks");

/** Features in the index that a file may be refused for. */
const REFUSED = /^(?:INVALID-YAML|option-dep|section:|channels-not-list|jinja|bracket-spec)/;

describe.skipIf(!envs)("real environment files", () => {
  const index = envs ? JSON.parse(readFileSync(join(envs, "index.json"), "utf8")).files : [];
  it.each(["linux-64", "osx-arm64", "win-64"])(
    "are read for %s, or refused for the reason the index names",
    (platform) => {
      const refused: string[] = [];
      for (const { file, features } of index) {
        const text = readFileSync(join(envs as string, file), "utf8");
        const mayFail = features.some((feature: string) => REFUSED.test(feature));
        try {
          const parsed = parseEnvironmentFile(text, { fileName: file, platform });
          checkDependencies(parsed, (spec) => parseMatchSpec(spec));
          expect(
            features.filter((feature: string) => feature.startsWith("INVALID-YAML")),
            file,
          ).toEqual([]);
        } catch (error) {
          if (!mayFail) throw error;
          refused.push(file);
          expect(error).toMatchObject({ name: "ToolError", message: expect.stringContaining(", line ") });
        }
      }
      expect(index.length - refused.length).toBeGreaterThan(180);
    },
  );
});

describe.skipIf(!locks)("real lock files", () => {
  const directories = locks ? readdirSync(locks).filter((name) => name !== "index.json") : [];
  const read = (directory: string) =>
    parsePixiLock(readFileSync(join(locks as string, directory, "pixi.lock"), "utf8"), {
      fileName: directory,
    });
  const byUrl = <T extends { url: string }>(list: readonly T[]) =>
    [...list].sort((a, b) => (a.url < b.url ? -1 : 1));

  it("are all read", () => {
    for (const directory of directories)
      expect(read(directory).environments.size, directory).toBeGreaterThan(0);
    expect(directories.length).toBeGreaterThan(40);
  });

  it.each(directories.filter((_, index) => index % 9 === 0))(
    "%s is written back without loss",
    (directory) => {
      const [name, environment] = [...read(directory).environments][0] ?? [];
      if (!name || !environment) throw new Error("no environment");
      const platforms = [...environment.platforms.values()].map(({ subdir, conda }) => ({
        platform: subdir,
        records: conda.map(({ record }) => record),
      }));
      const pixi = parsePixiLock(writePixiLock([{ name, channelUrls: environment.channels, platforms }]), {
        fileName: "p",
      });
      const conda = parseCondaLock(writeCondaLock({ channels: environment.channels, platforms }), {
        fileName: "c",
      });
      for (const { platform, records } of platforms) {
        const again = selectLocked(pixi, { platform, environment: name }).conda.map(({ record }) => record);
        expect(byUrl(again)).toEqual(byUrl(records));
        const identity = (list: readonly RepoDataRecord[]) =>
          byUrl(list).map(({ url, sha256, md5, name, version, build, subdir }) => [
            url,
            sha256,
            md5,
            name,
            version,
            build,
            subdir,
          ]);
        expect(identity(selectLocked(conda, { platform }).conda.map(({ record }) => record))).toEqual(
          identity(records),
        );
      }
    },
  );
});
