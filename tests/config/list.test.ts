import { mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { splitItems } from "../../src/config/convert.ts";
import { type ListOptions, listConfig } from "../../src/config/show.ts";

function listed(text: string, env: Record<string, string> = {}, options: ListOptions = {}): string {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "taipan-list-")));
  writeFileSync(join(home, ".condarc"), text);
  return listConfig(loadConfig({ env, home, cwd: home, platform: "linux-64" }), options);
}

it("lists keys group by group, as micromamba does, and those of files only", () => {
  const text = "allow_softlinks: true\nquiet: true\nssl_verify: false\nchannels: [a]\nenvs_dirs: [/e]\n";
  const env = { MAMBA_ROOT_PREFIX: "/r" };
  expect(listed(text, env)).toBe(
    "envs_dirs:\n  - /e\n  - /r/envs\nchannels:\n  - a\nssl_verify: <false>\nallow_softlinks: true\nquiet: true\n",
  );
});

it("says where each entry is from, those of channel_settings too", () => {
  const text = "channels: [a]\nchannel_settings: [{channel: x, auth: y}]\n";
  expect(listed(text, {}, { sources: true })).toBe(
    "channels:\n  - a  # '~/.condarc'\nchannel_settings:\n  - channel: x\n    auth: y  # '~/.condarc'\n",
  );
});

it("shows the certificates that are used", () => {
  expect(listed("ssl_verify: <true>\n")).toBe("ssl_verify: <system>\n");
  expect(listed("ssl_verify: /a.pem\ncacert_path: /b.pem\n")).toBe(
    "cacert_path: /b.pem\nssl_verify: /b.pem\n",
  );
});

it("reads several specs or channels from one text", () => {
  const pins = { MAMBA_PINNED_PACKAGES: "mpl=10.2,xtensor" };
  expect(listed("pinned_packages: [numpy=1]\n", pins)).toBe(
    "pinned_packages:\n  - mpl=10.2\n  - xtensor\n  - numpy=1\n",
  );
  expect(splitItems("pinned_packages", "numpy >=1.19,<2, python[version='>=3,<4']&zlib 1.*")).toEqual([
    "numpy >=1.19,<2",
    "python[version='>=3,<4']",
    "zlib 1.*",
  ]);
  expect(splitItems("channels", "a,b[linux-64,noarch], c")).toEqual(["a", "b[linux-64,noarch]", "c"]);
});
