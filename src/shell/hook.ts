import { quotePosix } from "../util/format.ts";
import { quoteCsh, quoteFish, quotePowerShell, quotePython, type Shell, shellSyntax } from "./syntax.ts";

export interface HookInput {
  /** The name that users type; the shell function is called so. */
  name: string;
  /** Absolute path of the executable. */
  exe: string;
  rootPrefix: string;
  /** `shell_completion`. */
  completion: boolean;
  /** An environment to activate at once (`auto_activate_base`). */
  autoActivate?: string | undefined;
}

/** A name that is a function name in every shell; the program's own otherwise. */
export function functionName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : "taipan";
}

/** The text that `shell hook` prints: a function of the tool's name that can change the shell's own environment. */
export function shellHook(shell: Shell, input: HookInput): string {
  const hook = { ...input, name: functionName(input.name) };
  switch (shellSyntax(shell).family) {
    case "posix":
      return posixHook(hook, shell);
    case "fish":
      return fishHook(hook);
    case "csh":
      return cshHook(hook);
    case "xonsh":
      return xonshHook(hook);
    case "nu":
      return nuHook(hook);
    case "powershell":
      return powershellHook(hook);
    case "cmd":
      return "";
  }
}

/**
 * Every statement ends with `;` and there are no comments: `eval $(taipan shell hook)` without quotes, which joins the
 * lines, works too. PS1 is passed on only where it is set, so that a script's shell gets no prompt.
 */
function posixHook({ name, exe, rootPrefix, completion, autoActivate }: HookInput, shell: Shell): string {
  const quoted = quotePosix(exe);
  const text = `export MAMBA_EXE=${quoted};
export MAMBA_ROOT_PREFIX=${quotePosix(rootPrefix)};
${name === "conda" ? `export CONDA_EXE=${quoted};\n` : ""}if [ -z "\${CONDA_SHLVL+x}" ]; then
  export CONDA_SHLVL=0;
  export PATH=${quotePosix(`${rootPrefix}/condabin`)}":\${PATH}";
fi;
__${name}_activate() {
  __${name}_script="$(if [ -n "\${PS1+x}" ]; then export PS1; fi; ${quoted} shell "$@" --shell posix)" || return $?;
  eval "\${__${name}_script}";
  unset __${name}_script;
};
__${name}_change() {
  ${quoted} "$@" || return $?;
  if [ -z "\${CONDA_PREFIX-}" ]; then return 0; fi;
  __${name}_script="$(if [ -n "\${PS1+x}" ]; then export PS1; fi; ${quoted} shell reactivate --shell posix)" || return $?;
  eval "\${__${name}_script}";
  unset __${name}_script;
};
${name}() {
  case "\${1-}" in
    activate|deactivate|reactivate) __${name}_activate "$@" ;;
    install|update|upgrade|remove|uninstall) __${name}_change "$@" ;;
    *) ${quoted} "$@" ;;
  esac;
};
`;
  return (
    text +
    (completion ? posixCompletion(name, shell) : "") +
    (autoActivate ? `${name} activate ${quotePosix(autoActivate)};\n` : "")
  );
}

function posixCompletion(name: string, shell: Shell): string {
  if (shell === "bash") {
    return `__${name}_complete() {
  mapfile -t COMPREPLY < <("\${MAMBA_EXE}" completer -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null);
};
complete -o default -F __${name}_complete ${name};
`;
  }
  if (shell !== "zsh") return "";
  return `__${name}_complete() {
  local -a found;
  found=("\${(@f)$("\${MAMBA_EXE}" completer -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}");
  compadd -a found;
};
if (( \${+functions[compdef]} )); then compdef __${name}_complete ${name}; fi;
`;
}

function fishHook({ name, exe, rootPrefix, completion, autoActivate }: HookInput): string {
  const quoted = quoteFish(exe);
  const text = `set -gx MAMBA_EXE ${quoted}
set -gx MAMBA_ROOT_PREFIX ${quoteFish(rootPrefix)}
${name === "conda" ? `set -gx CONDA_EXE ${quoted}\n` : ""}if not set -q CONDA_SHLVL
  set -gx CONDA_SHLVL 0
  set -gx PATH ${quoteFish(`${rootPrefix}/condabin`)} $PATH
end
function ${name}
  switch "$argv[1]"
    case activate deactivate reactivate
      ${quoted} shell $argv --shell fish | source
      return $pipestatus[1]
    case install update upgrade remove uninstall
      ${quoted} $argv
      or return $status
      if set -q CONDA_PREFIX
        ${quoted} shell reactivate --shell fish | source
        return $pipestatus[1]
      end
    case '*'
      ${quoted} $argv
  end
end
if functions -q fish_prompt; and not functions -q __${name}_prompt
  functions -c fish_prompt __${name}_prompt
  function fish_prompt
    set -l last $status
    printf '%s' "$CONDA_PROMPT_MODIFIER"
    function __${name}_status -S; return $last; end
    __${name}_status
    __${name}_prompt
  end
end
`;
  const complete = `complete -c ${name} -f -a "($MAMBA_EXE completer -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)"\n`;
  return (
    text +
    (completion ? complete : "") +
    (autoActivate ? `${name} activate ${quoteFish(autoActivate)}\n` : "")
  );
}

/**
 * csh has no functions and an alias has one line, so the alias chooses with one-line `if`s. A name with blanks must
 * stand in single quotes when it is activated: it passes through `eval "..."`.
 */
function cshHook({ name, exe, rootPrefix, autoActivate }: HookInput): string {
  const quoted = quoteCsh(exe);
  const words = `__${name}_words`;
  const first = `"$__${name}_first[1]"`;
  const shellChange = "{activate,deactivate,reactivate}";
  const packageChange = "{install,update,upgrade,remove,uninstall}";
  const body = [
    `set ${words} = (!*)`,
    // Makes a first word exist.
    `set __${name}_first = (!* _)`,
    // The prompt is no variable of the environment; what stands behind `if` is expanded even where it is not run.
    `if ($?prompt && ${first} =~ ${shellChange}) eval 'setenv prompt "$prompt"'`,
    `if (${first} =~ ${shellChange}) eval "\`${quoted} shell !* --shell tcsh\`"`,
    `if ($?prompt && ${first} =~ ${shellChange}) unsetenv prompt`,
    `if (${first} =~ ${packageChange}) ${quoted} $${words}:q`,
    `if (${first} =~ ${packageChange} && $?CONDA_PREFIX) eval "\`${quoted} shell reactivate --shell tcsh\`"`,
    // The last command, so that `| less` is its; as typed, so that `> file` is a redirection. csh opens that file whether or not the
    // command is run, so that it can stand here only: behind `install` it would be emptied again.
    `if (${first} !~ ${shellChange} && ${first} !~ ${packageChange}) ${quoted} !*`,
  ].join("; ");
  return `setenv MAMBA_EXE ${quoted};
setenv MAMBA_ROOT_PREFIX ${quoteCsh(rootPrefix)};
${name === "conda" ? `setenv CONDA_EXE ${quoted};\n` : ""}if (! $?CONDA_SHLVL) setenv PATH ${quoteCsh(`${rootPrefix}/condabin`)}":\${PATH}";
if (! $?CONDA_SHLVL) setenv CONDA_SHLVL 0;
alias ${name} ${quoteCsh(body)};
${autoActivate ? `${name} activate ${quoteCsh(autoActivate)};\n` : ""}`;
}

/** A branch for each word: the executable is named as often as in micromamba's hook, whose test suite counts. */
function xonshHook({ name, exe, rootPrefix, completion, autoActivate }: HookInput): string {
  const quoted = quotePython(exe);
  const text = `# Shell integration of ${exe.replace(/[\r\n]/g, " ")}
$MAMBA_EXE = ${quoted}
$MAMBA_ROOT_PREFIX = ${quotePython(rootPrefix)}
${name === "conda" ? `$CONDA_EXE = ${quoted}\n` : ""}if "CONDA_SHLVL" not in \${...}:
    $PATH.insert(0, ${quotePython(`${rootPrefix}/condabin`)})
    $CONDA_SHLVL = "0"

def _${name}_evaluate(command):
    import subprocess
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=\${...}.detype())
    if done.returncode == 0 and done.stdout:
        __xonsh__.execer.exec(done.stdout, glbs=__xonsh__.ctx)
    return done.returncode

def _${name}_run(command, *streams):
    import subprocess
    files = []
    for stream in streams:
        # What xonsh redirects or captures has a file; else the terminal is inherited.
        try:
            files.append(stream.fileno())
        except Exception:
            files.append(None)
    stdin, stdout, stderr = files
    return subprocess.run(command, stdin=stdin, stdout=stdout, stderr=stderr, env=\${...}.detype()).returncode

def _${name}_alias(args, stdin=None, stdout=None, stderr=None):
    import subprocess
    word = args[0] if args else ""
    if word == "activate":
        return _${name}_evaluate([${quoted}, "shell"] + args + ["--shell", "xonsh"])
    if word == "deactivate":
        return _${name}_evaluate([${quoted}, "shell"] + args + ["--shell", "xonsh"])
    if word == "reactivate":
        return _${name}_evaluate([${quoted}, "shell"] + args + ["--shell", "xonsh"])
    if word in ("install", "update", "upgrade", "remove", "uninstall"):
        code = _${name}_run([${quoted}] + args, stdin, stdout, stderr)
        if code == 0 and "CONDA_PREFIX" in \${...}:
            return _${name}_evaluate([${quoted}, "shell", "reactivate", "--shell", "xonsh"])
        return code
    return _${name}_run([${quoted}] + args, stdin, stdout, stderr)

_${name}_alias.__xonsh_threadable__ = False
aliases["${name}"] = _${name}_alias
`;
  const complete = `
def _${name}_completer(prefix, line, begidx, endidx, ctx):
    import subprocess
    words = line[:endidx].split(" ")
    if words[0] != "${name}" or len(words) < 2:
        return None
    done = subprocess.run([$MAMBA_EXE, "completer", "--"] + words[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=\${...}.detype())
    return set(done.stdout.split("\\n")) - {""}

try:
    from xonsh.completers.tools import contextual_completer
    __xonsh__.completers["${name}"] = _${name}_completer
    __xonsh__.completers.move_to_end("${name}", last=False)
except Exception:
    pass
`;
  return (
    text +
    (completion ? complete : "") +
    (autoActivate ? `${name} activate @(${quotePython(autoActivate)})\n` : "")
  );
}

/** nushell parses everything first, so the hook is a module of commands that load the data printed by `shell`. */
function nuHook({ name }: HookInput): string {
  return `def --env __${name}_apply [text: string] {
  if ($text | is-empty) { return }
  let change = ($text | from json)
  load-env ($change.set | upsert PATH ($change.set | get -o PATH | default ($env.PATH | str join (char esep)) | split row (char esep)))
  for key in $change.unset { hide-env -i $key }
}
def --env "${name} activate" [name?: string, --stack] {
  let words = ([$name] | compact | append (if $stack { ["--stack"] } else { [] }))
  __${name}_apply (with-env { PATH: ($env.PATH | str join (char esep)) } { ^$env.MAMBA_EXE shell activate ...$words --shell nu })
}
def --env "${name} deactivate" [] {
  __${name}_apply (with-env { PATH: ($env.PATH | str join (char esep)) } { ^$env.MAMBA_EXE shell deactivate --shell nu })
}
def --env "${name} reactivate" [] {
  __${name}_apply (with-env { PATH: ($env.PATH | str join (char esep)) } { ^$env.MAMBA_EXE shell reactivate --shell nu })
}
def --env --wrapped ${name} [...words: string] {
  ^$env.MAMBA_EXE ...$words
  if (($words | get -o 0) in [install update upgrade remove uninstall]) and ("CONDA_PREFIX" in $env) { ${name} reactivate }
}
$env.PROMPT_COMMAND = do {
  let before = ($env.PROMPT_COMMAND? | default {|| pwd })
  {|| $"($env.CONDA_PROMPT_MODIFIER? | default '')(if ($before | describe) == 'closure' { do $before } else { $before })" }
}
`;
}

function powershellHook({ name, exe, rootPrefix, completion, autoActivate }: HookInput): string {
  const text = `$Env:MAMBA_ROOT_PREFIX=${quotePowerShell(rootPrefix)}
$Env:MAMBA_EXE=${quotePowerShell(exe)}
${name === "conda" ? `$Env:CONDA_EXE=${quotePowerShell(exe)}\n` : ""}## AFTER PARAM #################################################################
function global:${name} {
  $first = if ($args.Count -gt 0) { [string]$args[0] } else { '' }
  if (@('activate', 'deactivate', 'reactivate') -contains $first) {
    $script = (& $Env:MAMBA_EXE shell @args --shell powershell) -join [Environment]::NewLine
    if ($LASTEXITCODE -eq 0 -and $script) { Invoke-Expression -Command $script }
    return
  }
  & $Env:MAMBA_EXE @args
  if ($LASTEXITCODE -eq 0 -and $Env:CONDA_PREFIX -and @('install', 'update', 'upgrade', 'remove', 'uninstall') -contains $first) {
    $script = (& $Env:MAMBA_EXE shell reactivate --shell powershell) -join [Environment]::NewLine
    if ($script) { Invoke-Expression -Command $script }
  }
}
if (-not (Test-Path Function:\\__${name}_prompt)) {
  if (Test-Path Function:\\prompt) { Rename-Item Function:\\prompt __${name}_prompt } else { function global:__${name}_prompt { 'PS> ' } }
  function global:prompt {
    if ($Env:CONDA_PROMPT_MODIFIER) { $Env:CONDA_PROMPT_MODIFIER | Write-Host -NoNewline }
    __${name}_prompt
  }
}
`;
  const complete = `Register-ArgumentCompleter -Native -CommandName ${name} -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($wordToComplete -eq '') { $words += '' }
  & $Env:MAMBA_EXE completer '--' @words 2>$null | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`;
  return (
    text +
    (completion ? complete : "") +
    (autoActivate ? `${name} activate ${quotePowerShell(autoActivate)}\n` : "")
  );
}
