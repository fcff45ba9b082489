import { mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { gatherInputs } from "../../src/commands/inputs.ts";

type InputContext = Parameters<typeof gatherInputs>[1];

it("reads files by their URL, and says which URL is none of a file", async () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "taipan-inputs-")));
  const file = join(dir, "100% of it.yml");
  writeFileSync(file, "name: x\ndependencies: [a]\n");
  const context = {
    ...{ cwd: dir, home: dir, env: {}, config: {}, hostPlatform: "linux-64" },
    events: () => {},
  } as unknown as InputContext;
  const read = (url: string) => gatherInputs({ specs: [], files: [url], readStdin: async () => "" }, context);
  expect(await read(pathToFileURL(file).href)).toMatchObject({ name: "x", specs: ["a"] });
  await expect(read(`file://${dir}/100%.yml`)).rejects.toMatchObject({ code: "env-file-invalid" });
});
