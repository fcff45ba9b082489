import { expect, it } from "vitest";
import {
  buildRequest,
  captureProblem,
  MemoryIndex,
  parseMatchSpec,
  replayProblem,
  whyInstalled,
} from "../../src/index.ts";
import { record } from "./world.ts";

it("shows the shortest path from each requested package", () => {
  const records = [
    record("app 1 0", ["lib >=1", "tool"]),
    record("tool 2 0", ["lib"]),
    record("lib 3 0", ["base"]),
    record("base 4 0"),
    record("other 5 0", ["tool"]),
    record("loose 1 0"),
  ];
  const why = (name: string) =>
    whyInstalled(records, new Set(["app", "other"]), parseMatchSpec(name)).map((path) =>
      path.map(({ name, needs }) => (needs ? `${name} -[${needs}]->` : name)).join(" "),
    );
  expect(why("base")).toEqual([
    "app -[lib >=1]-> lib -[base]-> base",
    "other -[tool]-> tool -[lib]-> lib -[base]-> base",
  ]);
  expect(why("app")).toEqual(["app"]);
  expect(why("loose")).toEqual(["loose"]);
  expect(why("absent")).toEqual([]);
});

it("captures a problem that replays to the same answer", () => {
  const records = [record("a 2 0", ["b >=2"]), record("a 1 0", ["b"]), record("b 1 0")];
  const request = buildRequest({
    command: "create",
    specs: [parseMatchSpec("a")],
    flags: {},
    channelPriority: "strict",
    addPip: false,
    installed: [],
    history: [],
    pins: [],
    indexes: [new MemoryIndex("chan", "linux-64", 0, records)],
    virtualPackages: [],
    platform: "linux-64",
  });
  const saved = JSON.parse(JSON.stringify(captureProblem(request)));
  expect(replayProblem(saved)).toEqual(["a-1-0", "b-1-0"]);
});
