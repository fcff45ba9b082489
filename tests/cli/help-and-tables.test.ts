import { describe, expect, it } from "vitest";
import { buildProgram } from "../../src/cli/program.ts";
import { fittingColumns, renderTable } from "../../src/cli/render/table.ts";
import { COMMANDS, type CommandSpec } from "../../src/cli/verbs.ts";

describe("tables in narrow windows", () => {
  const columns = [{ title: "Name" }, { title: "Version" }, { title: "Build" }, { title: "Channel" }];
  const rows = [["numpy", "2.1.0", "py312h1234567_0", "conda-forge"]];
  const lines = (available?: number) => renderTable(columns, rows, { available, dispensable: [2, 3] });

  it("leave out what can be spared, in order, and no more than needed", () => {
    expect(lines()).toEqual(lines(200));
    expect(lines()[2]).toBe("  numpy  2.1.0    py312h1234567_0  conda-forge");
    expect(lines(44)[2]).toBe("  numpy  2.1.0    conda-forge");
    expect(lines(20)[2]).toBe("  numpy  2.1.0");
    for (let width = 16; width < 60; width++)
      for (const line of lines(width)) expect(line.length).toBeLessThanOrEqual(width);
  });

  it("keep what cannot, and their rule does not wrap", () => {
    const [title, rule] = lines(5);
    expect(title).toBe("  Name   Version");
    expect(rule).toBe("  ───");
    expect(fittingColumns([10, 10], { available: 5, dispensable: [] })).toEqual([0, 1]);
  });
});

describe("help", () => {
  it("lists every command under a heading, and every option of a group under its own", () => {
    const program = buildProgram("taipan", ["install"], async () => {});
    const help = program.helpInformation();
    const [, body = ""] = help.split("Environments:\n");
    for (const { name, hidden } of COMMANDS)
      if (!hidden) expect(body.split("\nCommands:")[0], name).toMatch(new RegExp(`^  ${name}[ |]`, "m"));
    const install = program.commands.find((command) => command.name() === "install")!.helpInformation();
    for (const heading of ["Options", "Which environment", "Channels", "Solver", "Linking", "Network"])
      expect(install).toContain(`\n${heading}:\n`);
    expect(install.indexOf("--freeze-installed")).toBeLessThan(install.indexOf("Which environment:"));
  });

  it("names what a group takes once", () => {
    for (const name of ["package", "ps", "shell", "config", "env"]) {
      const program = buildProgram("taipan", [name], async () => {});
      const group = program.commands.find((command) => command.name() === name)!;
      expect(group.helpInformation()).toContain(`Usage: taipan ${name} [options] [command]\n`);
    }
  });

  it("has an example for every command and group", () => {
    const bare = (specs: readonly CommandSpec[]): string[] =>
      specs.flatMap(({ name, examples, commands }) =>
        commands ? bare(commands) : examples?.length ? [] : [name],
      );
    expect(bare(COMMANDS)).toEqual(["completer"]);
    let help = "";
    const auth = buildProgram("taipan", ["auth"], async () => {}).commands.find(
      (command) => command.name() === "auth",
    );
    auth?.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect(help).toMatch(/\nExamples:\n {2}taipan auth login .*\n {2}taipan auth logout/);
  });
});
