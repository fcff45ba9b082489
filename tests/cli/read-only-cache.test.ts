/** All package caches are read-only, as a volume that a cluster or a CI job mounts. Where this process is root's, the commands are nobody's. */
import { chmodSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV, writeWorld } from "../support/cli-world.ts";

const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

describe.skipIf(process.platform === "win32").each([{ shards: true }, { shards: false }])(
  "with read-only package caches, shards: $shards",
  ({ shards }) => {
    let sandbox: Sandbox;
    let server: ChannelServer;
    let mounted: string;
    let temporary: string;

    beforeAll(async () => {
      sandbox = createSandbox();
      const directory = join(sandbox.dir, "channel");
      const { packages } = await writeWorld(directory);
      await writeChannel(directory, packages, { subdirs: ["linux-64"], shards });
      server = await startServer({ root: directory });
      mounted = join(sandbox.dir, "mounted");
      const filled = await sandbox.taipanWith(
        { env: { ...FIXED_ENV, CONDA_PKGS_DIRS: mounted } },
        ...[
          "create",
          "-qyp",
          join(sandbox.dir, "first"),
          "--override-channels",
          "-c",
          server.url,
          "libx=1.1",
        ],
      );
      expect(filled).toMatchObject({ code: 0 });
      temporary = join(sandbox.dir, "tmp");
      for (const path of [sandbox.dir, sandbox.home, temporary, join(sandbox.dir, "envs")]) {
        mkdirSync(path, { recursive: true });
        chmodSync(path, 0o777);
      }
      setWritable(mounted, false);
    });
    afterEach(() => expect(readdirSync(temporary)).toEqual([]));
    afterAll(async () => {
      setWritable(mounted, true);
      await server.close();
      sandbox.close();
    });

    const run = (...args: string[]): Promise<CliResult> =>
      sandbox.taipanWith(
        {
          ...NOBODY,
          env: {
            ...FIXED_ENV,
            CONDA_PKGS_DIRS: mounted,
            MAMBA_ROOT_PREFIX: join(sandbox.dir, "own-root"),
            TMPDIR: temporary,
          },
        },
        ...args,
        ...["--override-channels", "-c", server.url],
      );

    it("what they hold is installed without the network", async () => {
      const asked = server.requests.length;
      const prefix = join(sandbox.dir, "envs", "offline");
      expect(await run("create", "-yp", prefix, "libx", "--offline")).toMatchObject({ code: 0 });
      expect(readFileSync(join(prefix, "share", "libx", "f.txt"), "utf8")).toBe("libx 1.1\n");
      expect((await run("search", "libx", "--offline")).stdout).toContain("1.1");
      expect(server.requests.length).toBe(asked);
    });

    it("repodata that is not fresh is asked for, and nothing is fetched that they hold", async () => {
      const asked = server.requests.length;
      const prefix = join(sandbox.dir, "envs", "online");
      expect(await run("create", "-yp", prefix, "libx", "--repodata-ttl", "0")).toMatchObject({ code: 0 });
      const urls = server.requests.slice(asked).map(({ path }) => path);
      expect(urls.length).toBeGreaterThan(0);
      expect(urls.filter((path) => path.endsWith(".conda"))).toEqual([]);
    });

    it("only a package that must be fetched is refused, by name, before anything is made", async () => {
      const prefix = join(sandbox.dir, "envs", "more");
      const result = await run("create", "-yp", prefix, "tool");
      expect(result.code).not.toBe(0);
      expect(result.stderr).toContain("must be fetched, and no package cache can be written");
      expect(result.stderr).toContain(mounted);
      expect(result.stderr).toContain("CONDA_PKGS_DIRS");
      expect(readdirSync(join(sandbox.dir, "envs"))).not.toContain("more");
    });
  },
);

function setWritable(directory: string, writable: boolean): void {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), writable ? 0o755 : 0o555);
  chmodSync(directory, writable ? 0o755 : 0o555);
}
