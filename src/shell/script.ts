import { type ActivationContext, activate, deactivate, reactivate, type Step } from "./activation.ts";
import { type EnvironmentData, readEnvironmentData } from "./environment-data.ts";
import { type Shell, shellSyntax } from "./syntax.ts";

export interface ShellScriptRequest {
  operation: "activate" | "deactivate" | "reactivate";
  shell: Shell;
  /** Absolute path of an existing environment; needed to activate. */
  prefix?: string | undefined;
  stack?: boolean | undefined;
}

export interface ShellScriptContext {
  /** The environment of the shell that asks, with its prompt under the shell's own name. */
  env: Readonly<Record<string, string | undefined>>;
  rootPrefix: string;
  envsDirs: readonly string[];
  windows: boolean;
  /** `changeps1`. */
  changePrompt: boolean;
  /** `env_prompt`. */
  promptTemplate: string;
  /** `auto_stack`. */
  autoStack?: number | undefined;
  /** micromamba's rule: names of variables count in upper case. */
  upperCase?: boolean | undefined;
}

export interface ShellScript {
  /** What the shell evaluates. */
  text: string;
  steps: readonly Step[];
  /** Broken or hostile files of environments, one sentence each. */
  warnings: readonly string[];
}

/** The text that `shell activate|deactivate|reactivate` prints: all that a shell has to evaluate. */
export function shellScript(request: ShellScriptRequest, context: ShellScriptContext): ShellScript {
  const syntax = shellSyntax(request.shell);
  const seen = new Map<string, EnvironmentData>();
  const read = (prefix: string): EnvironmentData => {
    const data = seen.get(prefix) ?? readEnvironmentData(prefix, syntax.scriptExtension, context);
    seen.set(prefix, data);
    return data;
  };
  const activation: ActivationContext = {
    ...context,
    read,
    prompt: syntax.promptVariable && context.env[syntax.promptVariable],
  };
  const steps = chooseSteps(request, activation, context);
  return { text: syntax.render(steps), steps, warnings: [...seen.values()].flatMap((data) => data.warnings) };
}

function chooseSteps(
  request: ShellScriptRequest,
  activation: ActivationContext,
  context: ShellScriptContext,
): Step[] {
  if (request.operation === "deactivate") return deactivate(activation);
  if (request.operation === "reactivate") return reactivate(activation);
  const options = { stack: request.stack, autoStack: context.autoStack ?? 0 };
  return activate(request.prefix ?? context.rootPrefix, activation, options);
}
