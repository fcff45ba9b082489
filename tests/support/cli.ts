import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repoRoot } from "./shared.ts";

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
  /** stdout as JSON; throws with both streams when it is none. */
  json<T = Record<string, unknown>>(): T;
}

/** A root prefix and a home of its own, in which the real executable is run. */
export interface Sandbox {
  dir: string;
  home: string;
  root: string;
  taipan(...args: string[]): Promise<CliResult>;
  /** With extra variables, another working directory or standard input. */
  taipanWith(
    options: {
      env?: Record<string, string>;
      cwd?: string;
      input?: string;
      /** Run as another user; only root may. */
      uid?: number;
      gid?: number;
      kill?: { after: RegExp; signal: NodeJS.Signals };
      /** SIGKILL when this is resolved. */
      killWhen?: Promise<unknown>;
    },
    ...args: string[]
  ): Promise<CliResult>;
  close(): void;
}

export function createSandbox(): Sandbox {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "taipan-test-")));
  const home = join(dir, "home");
  const root = join(dir, "root");
  mkdirSync(home);
  const base = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    USERPROFILE: home,
    MAMBA_ROOT_PREFIX: root,
    TMPDIR: tmpdir(),
    NO_COLOR: "1",
    // A home shows what a command left there, and this is not what most tests are about.
    NODE_DISABLE_COMPILE_CACHE: "1",
  };
  const sandbox: Sandbox = {
    dir,
    home,
    root,
    taipan: (...args) => sandbox.taipanWith({}, ...args),
    taipanWith: (options, ...args) =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [join(repoRoot, "bin", "taipan.js"), ...args], {
          cwd: options.cwd ?? dir,
          env: { ...base, ...options.env },
          ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid }),
        });
        let stdout = "";
        let stderr = "";
        let killed = false;
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          stdout += text;
        });
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          stderr += text;
          // Once: a second signal means stop at once, whatever is half done.
          if (killed || !options.kill?.after.test(stderr)) return;
          killed = true;
          child.kill(options.kill.signal);
        });
        void options.killWhen?.then(() => child.kill("SIGKILL"));
        child.on("error", reject);
        child.on("close", (code) =>
          resolve({ code, stdout, stderr, json: () => parseJson(stdout, stderr) as never }),
        );
        // Whoever refuses its words may end before it reads.
        child.stdin.on("error", () => {});
        child.stdin.end(options.input ?? "");
      }),
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
  return sandbox;
}

function parseJson(stdout: string, stderr: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`no JSON on stdout:\n${stdout}\nstderr:\n${stderr}`);
  }
}
