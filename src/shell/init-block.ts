import { quotePosix } from "../util/format.ts";
import { functionName, type HookInput, shellHook } from "./hook.ts";
import { quoteCsh, quoteFish, quotePowerShell, quotePython, type Shell, shellSyntax } from "./syntax.ts";

export type InitInput = Pick<HookInput, "name" | "exe" | "rootPrefix">;

const POSIX_MARKS = ["# >>> mamba initialize >>>", "# <<< mamba initialize <<<"] as const;
const POWERSHELL_MARKS = ["#region mamba initialize", "#endregion"] as const;

function marks(shell: Shell): readonly [string, string] {
  return shellSyntax(shell).family === "powershell" ? POWERSHELL_MARKS : POSIX_MARKS;
}

/**
 * The block in a shell's start-up file. The marks are micromamba's, letter for letter: setup-micromamba and others cut
 * the block out of the file by them, and either tool can replace the other's.
 */
function initBlock(shell: Shell, input: InitInput): string {
  const [begin, end] = marks(shell);
  const managed = `# !! Contents within this block are managed by '${functionName(input.name)} shell init' !!`;
  return `${begin}\n${managed}\n${blockBody(shell, input)}\n${end}`;
}

function blockBody(shell: Shell, input: InitInput): string {
  const { exe, rootPrefix } = input;
  const name = functionName(input.name);
  switch (shellSyntax(shell).family) {
    case "posix":
      return `export MAMBA_EXE=${quotePosix(exe)};
export MAMBA_ROOT_PREFIX=${quotePosix(rootPrefix)};
__mamba_setup="$("$MAMBA_EXE" shell hook --shell ${shell} --root-prefix "$MAMBA_ROOT_PREFIX" 2> /dev/null)"
if [ $? -eq 0 ]; then
    eval "$__mamba_setup"
else
    alias ${name}="$MAMBA_EXE"
fi
unset __mamba_setup`;
    case "fish":
      return `set -gx MAMBA_EXE ${quoteFish(exe)}
set -gx MAMBA_ROOT_PREFIX ${quoteFish(rootPrefix)}
$MAMBA_EXE shell hook --shell fish --root-prefix $MAMBA_ROOT_PREFIX | source`;
    case "csh":
      return `setenv MAMBA_EXE ${quoteCsh(exe)};
setenv MAMBA_ROOT_PREFIX ${quoteCsh(rootPrefix)};
if ( -f "\${MAMBA_ROOT_PREFIX}/etc/profile.d/mamba.csh" ) source "\${MAMBA_ROOT_PREFIX}/etc/profile.d/mamba.csh";`;
    case "xonsh":
      return `$MAMBA_EXE = ${quotePython(exe)}
$MAMBA_ROOT_PREFIX = ${quotePython(rootPrefix)}
__xonsh__.execer.exec($(@($MAMBA_EXE) shell hook --shell xonsh --root-prefix @($MAMBA_ROOT_PREFIX)), glbs=__xonsh__.ctx)`;
    case "nu":
      return `$env.MAMBA_EXE = ${quoteNu(exe)}
$env.MAMBA_ROOT_PREFIX = ${quoteNu(rootPrefix)}
${shellHook("nu", { ...input, completion: false }).trimEnd()}`;
    case "powershell":
      return `$Env:MAMBA_ROOT_PREFIX = ${quotePowerShell(rootPrefix)}
$Env:MAMBA_EXE = ${quotePowerShell(exe)}
(& $Env:MAMBA_EXE 'shell' 'hook' --shell 'powershell' --root-prefix $Env:MAMBA_ROOT_PREFIX) | Out-String | Invoke-Expression`;
    case "cmd":
      return "";
  }
}

function quoteNu(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
}

/** Start and end of every block, marks included. A begin without an end is no block: nothing after it is touched. */
function findBlocks(text: string, shell: Shell): [start: number, end: number][] {
  const [begin, end] = marks(shell);
  const found: [number, number][] = [];
  for (let at = text.indexOf(begin); at !== -1; at = text.indexOf(begin, at + 1)) {
    const last = found.at(-1);
    const stop = text.indexOf(end, at);
    if (stop !== -1 && (!last || at >= last[1])) found.push([at, stop + end.length]);
  }
  return found;
}

export function hasInitBlock(text: string, shell: Shell): boolean {
  return findBlocks(text, shell).length > 0;
}

/** The file with exactly one block: in place of the first that it has, or at its end. */
export function addInitBlock(text: string, shell: Shell, input: InitInput): string {
  const block = initBlock(shell, input);
  const blocks = findBlocks(text, shell);
  const first = blocks[0];
  if (!first) return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}\n${block}\n`;
  const after = removeRanges(
    text.slice(first[1]),
    blocks.slice(1).map(([a, b]) => [a - first[1], b - first[1]]),
  );
  return text.slice(0, first[0]) + block + after;
}

/** The file without blocks, and without the empty line that was put before a block. */
export function removeInitBlocks(text: string, shell: Shell): string {
  return removeRanges(text, findBlocks(text, shell));
}

function removeRanges(text: string, ranges: readonly (readonly [number, number])[]): string {
  let result = text;
  for (const [start, end] of [...ranges].reverse()) {
    const from =
      result[start - 1] === "\n" && (start === 1 || result[start - 2] === "\n") ? start - 1 : start;
    const to = result[end] === "\n" ? end + 1 : end;
    result = result.slice(0, from) + result.slice(to);
  }
  return result;
}

/**
 * cmd.exe runs the registry value `AutoRun` at every start. Returns the value with one call of our hook, or with none
 * when `hook` is undefined; commands of others stay.
 */
export function autoRunValue(before: string, hook: string | undefined): string {
  const others = before.split(/\s*&\s*/).filter((part) => part !== "" && !/mamba_hook\.bat/i.test(part));
  return [...others, ...(hook === undefined ? [] : [`if exist "${hook}" call "${hook}"`])].join(" & ");
}
