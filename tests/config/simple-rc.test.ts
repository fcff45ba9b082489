import fc from "fast-check";
import { expect, it } from "vitest";
import { parseRc } from "../../src/config/rc-parse.ts";
import { NotSimple, parseSimpleRc } from "../../src/config/simple-rc.ts";

/** Both readers' answers for a text that the simple one reads, or undefined. */
function both(text: string): [simple: unknown, yaml: unknown] | undefined {
  let simple: unknown;
  try {
    simple = parseSimpleRc(text, "rc");
  } catch (error) {
    expect(error).toBeInstanceOf(NotSimple);
    return undefined;
  }
  return [simple, parseRc(text, "rc")];
}

it("reads common files, as YAML does", () => {
  const text = `# my channels
channels:
  - conda-forge
  - https://repo.example/t/x_y/chan-1

# indented lists and others
envs_dirs:
- ~/envs
- $HOME/more
channel_priority: strict
always_yes: true
remote_max_retries: 7
changeps1: no
ssl_verify: False
denylist_channels:
`;
  const answers = both(text);
  expect(answers?.[0]).toEqual(answers?.[1]);
  expect(answers?.[0]).toMatchObject([
    { key: "channels", raw: ["conda-forge", "https://repo.example/t/x_y/chan-1"], line: 2 },
    { key: "envs_dirs", raw: ["~/envs", "$HOME/more"] },
    { key: "channel_priority", raw: "strict" },
    { key: "always_yes", raw: true },
    { key: "remote_max_retries", raw: 7 },
    { key: "changeps1", raw: "no" },
    { key: "ssl_verify", raw: false },
    { key: "denylist_channels", raw: null },
  ]);
});

it.each([
  "channels: [a]",
  "a: 'x'",
  "a: x #!final",
  "channels: #!top\n  - x",
  "a: b\n  c",
  "a:\n  b: c",
  "a: 0x1F",
  "a: 1e3",
  "a: .inf",
  "a: null",
  "a: &x y",
  "a: |\n  t",
  "- x",
  "a:\n  - x\n - y",
  "a: 1\na: 2",
  "a: x: y",
  "a:\tb",
  "a: 010",
  "? a",
  "---\na: b",
  "a: {}",
  "a: 1_000",
])("leaves %j to YAML", (text) => expect(() => parseSimpleRc(text, "rc")).toThrow(NotSimple));

it("agrees with YAML on everything that it reads", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "true",
      "False",
      "no",
      "12",
      "0",
      "-1",
      "1.5",
      "~",
      "~/x",
      "null",
      "a:b",
      "http://h:80/c",
      "%x",
      "a#b",
      "a #b",
      "-",
      "--x",
      "a b",
      "$X",
      "@x",
      "=",
      "1:2",
      "12:30:45",
      "2001-01-01",
      ".5",
      "+1",
      "0o7",
      "<<",
      "yes",
      "=",
    ),
    fc.string({ unit: fc.constantFrom(..."ab1.:/~$-#'\"[]{}&*!|>%@`=+_ ,?\t".split("")), maxLength: 6 }),
  );
  const line = fc.oneof(
    fc
      .tuple(fc.constantFrom("a", "channels", "b_c"), fc.constantFrom(":", ": ", ":  ", " : ", ":\t"), word)
      .map((parts) => parts.join("")),
    fc
      .tuple(fc.constantFrom("", " ", "  "), fc.constantFrom("- ", "-", "-  ", "-\t"), word)
      .map((parts) => parts.join("")),
    fc.constantFrom("", "  ", "# comment", "  # comment", "---", "...", "a:", "\t"),
  );
  let read = 0;
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), fc.constantFrom("\n", "\r\n"), (lines, end) => {
      const answers = both(lines.join(end));
      if (!answers) return;
      read += 1;
      expect(answers[0]).toEqual(answers[1]);
    }),
    { numRuns: 4000 },
  );
  expect(read).toBeGreaterThan(200);
});
