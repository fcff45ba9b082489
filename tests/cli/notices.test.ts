import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

const notice = (id: string, message: string, day: number, level = "info") => ({
  id,
  message,
  level,
  created_at: `2025-01-0${day}T00:00:00Z`,
  expires_at: "2999-01-01T00:00:00Z",
});

describe("notices of channels, while something is installed", { shuffle: false }, () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  let create: string[];
  const asked = () => server.requests.filter(({ path }) => path.endsWith("/notices.json")).length;
  const publish = (...notices: object[]) =>
    writeFileSync(join(sandbox.dir, "channel", "notices.json"), JSON.stringify({ notices }));

  beforeAll(async () => {
    sandbox = createSandbox();
    const dir = join(sandbox.dir, "channel");
    const built = await buildPackage({ name: "app", version: "1", noarch: "generic", files: { a: "a" } });
    await writeChannel(dir, [built]);
    server = await startServer({ root: dir });
    create = ["create", "-y", "--override-channels", "-c", server.url, "app", "-n"];
    publish(
      notice("1", "Read\u001b[2J this", 1),
      notice("2", "Moving house", 2, "critical"),
      notice("3", "Oldest", 1),
    );
  });
  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  it("are not asked for with --json, --quiet, --offline or a limit of 0", async () => {
    for (const flags of [["--json"], ["-q"], ["--dry-run", "--offline", "--use-index-cache"]])
      expect(await sandbox.taipan(...create, `x${flags[0]}`, ...flags)).toMatchObject({ code: 0 });
    const none = await sandbox.taipanWith({ env: { CONDA_NUMBER_CHANNEL_NOTICES: "0" } }, ...create, "none");
    expect(none).toMatchObject({ code: 0 });
    expect(asked()).toBe(0);
  });

  it("are shown once each, as many as are wanted, newest first", async () => {
    const few = await sandbox.taipanWith({ env: { CONDA_NUMBER_CHANNEL_NOTICES: "2" } }, ...create, "one");
    expect(few.code).toBe(0);
    expect(few.stderr).toContain(`warning: the channel \`${server.url}\` says: Moving house\n`);
    expect(few.stderr).toContain(`the channel \`${server.url}\` says: Read[2J this\n`);
    expect(few.stderr).toContain("1 more message");
    const rest = await sandbox.taipan(...create, "two");
    expect(rest.stderr).toContain("says: Oldest\n");
    expect(rest.stderr).not.toContain("Moving");
    expect((await sandbox.taipan(...create, "three")).stderr).not.toContain("says:");
    expect(asked()).toBe(1);
    const update = await sandbox.taipan("update", "-y", "-n", "three", "--all", ...create.slice(2, 5));
    expect([update.code, update.stderr.includes("says:")]).toEqual([0, false]);
  });

  it("hold up nothing when they do not come, and are asked for again", async () => {
    rmSync(join(sandbox.root, "pkgs", "cache"), { recursive: true });
    publish(notice("4", "Late", 4));
    const before = asked();
    server.faults.push({ match: "/notices.json", latency: 60_000 });
    expect(await sandbox.taipan(...create, "four")).toMatchObject({ code: 0 });
    expect(existsSync(join(sandbox.root, "pkgs", "cache", "notices"))).toBe(false);
    server.faults.push({ match: "/notices.json", status: 404 });
    expect((await sandbox.taipan(...create, "five")).stderr).not.toContain("Late");
    expect(readdirSync(join(sandbox.root, "pkgs", "cache", "notices"))).toHaveLength(1);
    expect(asked() - before).toBe(2);
  });

  it("say which channel did not answer when they are asked for by name", async () => {
    server.faults.push({ match: "/notices.json", status: 403 });
    const result = await sandbox.taipan("notices", ...create.slice(2, 5));
    expect(result.code).toBe(0);
    expect(result.stderr).toContain(`the channel \`${server.url}\` did not answer`);
  });

  it("are asked for with the secrets of the channel's URL, as its packages are", async () => {
    rmSync(join(sandbox.root, "pkgs", "cache", "notices"), { recursive: true, force: true });
    const url = server.url.replace("://", "://ann:pw@");
    const from = server.requests.length;
    const result = await sandbox.taipan(
      "create",
      "-y",
      "--override-channels",
      "-c",
      url,
      "app",
      "-n",
      "auth",
    );
    expect(result.code, result.stderr).toBe(0);
    const paths = server.requests.slice(from).filter(({ headers }) => headers["authorization"] !== undefined);
    expect(paths.map(({ path }) => path)).toContainEqual(expect.stringMatching(/notices\.json$/));
    expect(paths).toHaveLength(server.requests.length - from);
  });

  it("are left for another time when the command fails", async () => {
    rmSync(join(sandbox.root, "pkgs", "cache", "notices"), { recursive: true });
    expect((await sandbox.taipan(...create, "six", "nosuchpackage")).stderr).not.toContain("says:");
    expect((await sandbox.taipan(...create, "six")).stderr).toContain("says: Late");
  });
});
