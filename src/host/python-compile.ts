/**
 * Byte code for many Python files: one long-lived interpreter per core, fed over stdin, so that starting Python is paid once.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

export interface CompileJob {
  /** Absolute path of the source. */
  source: string;
  /** Absolute path of the byte code; its directory exists. */
  target: string;
  /** File name inside the code object. The interpreter puts the real one in when it imports the module. */
  name: string;
}

export interface PythonCompiler {
  /** One boolean per job: whether there is byte code now. A file that Python refuses is no failure of the others. */
  compile(jobs: readonly CompileJob[]): Promise<boolean[]>;
  /** Ends the interpreters once they have done what they were given; the signal ends them at once. */
  close(): Promise<void>;
}

// Runs on every Python from 2.7: reads one batch a line, fields separated by NUL, answers one 0 or 1 per file. The garbage collector
// only finds nothing in syntax trees: without it, compiling is 15 % faster. Warnings of old sources are nobody's concern here.
const SCRIPT = `
import sys, os, gc
gc.disable()
try:
    from importlib._bootstrap_external import _code_to_timestamp_pyc as header
except ImportError:
    header = None
    import py_compile
def one(source, target, name):
    if header is None:
        py_compile.compile(source, target, name, doraise=True)
        return
    with open(source, 'rb') as f:
        stat = os.fstat(f.fileno())
        data = f.read()
    code = compile(data, os.fsdecode(name), 'exec', dont_inherit=True)
    with open(target, 'xb') as f:
        f.write(header(code, int(stat.st_mtime), stat.st_size))
stdin = getattr(sys.stdin, 'buffer', sys.stdin)
n = 0
while True:
    line = stdin.readline()
    if not line:
        break
    fields = line[:-1].split(b'\\0')
    answer = ''
    for i in range(0, len(fields), 3):
        try:
            one(*fields[i:i + 3])
            answer += '1'
        except Exception:
            answer += '0'
            try:
                os.unlink(fields[i + 1])
            except Exception:
                pass
    sys.stdout.write(answer + '\\n')
    sys.stdout.flush()
    n += 1
    if n % 64 == 0:
        gc.collect()
`;

interface Batch {
  jobs: readonly CompileJob[];
  done(result: boolean[]): void;
}

const BATCH = 12;
/** An interpreter that dies (a crash on one file) is started again this many times in all. */
const RESTARTS = 4;

/** Starts nothing before the first job. `env` is the whole environment of the interpreters. */
export function createPythonCompiler(options: {
  executable: string;
  processes: number;
  env: Record<string, string | undefined>;
  signal?: AbortSignal | undefined;
}): PythonCompiler {
  const queue: Batch[] = [];
  const children = new Set<ChildProcessByStdio<Writable, Readable, null>>();
  const idle: ((batch: Batch) => void)[] = [];
  let restarts = 0;
  let closed = false;

  const start = (): void => {
    const child = spawn(options.executable, ["-E", "-s", "-S", "-B", "-W", "ignore", "-c", SCRIPT], {
      stdio: ["pipe", "pipe", "ignore"],
      env: options.env as NodeJS.ProcessEnv,
      signal: options.signal,
    });
    children.add(child);
    let current: Batch | undefined;
    let text = "";
    const give = (batch: Batch): void => {
      current = batch;
      child.stdin.write(
        `${batch.jobs.map((job) => `${job.source}\0${job.target}\0${job.name}`).join("\0")}\n`,
      );
    };
    const next = (): void => {
      const batch = queue.shift();
      if (batch) give(batch);
      else idle.push(give);
    };
    const gone = (): void => {
      if (!children.delete(child)) return;
      const at = idle.indexOf(give);
      if (at >= 0) idle.splice(at, 1);
      const batch = current;
      current = undefined;
      if (batch) split(batch);
      if (children.size === 0 || (batch && !closed)) {
        if (!closed && restarts++ < RESTARTS) start();
        else if (children.size === 0)
          for (const left of queue.splice(0)) left.done(left.jobs.map(() => false));
      }
    };
    // What killed the interpreter is one file: the others of its batch are tried alone.
    const split = (batch: Batch): void => {
      if (batch.jobs.length === 1 || closed || restarts >= RESTARTS) {
        batch.done(batch.jobs.map(() => false));
        return;
      }
      const results: boolean[] = [];
      let left = batch.jobs.length;
      batch.jobs.forEach((job, i) => {
        queue.push({
          jobs: [job],
          done: ([ok]) => {
            results[i] = ok ?? false;
            if (--left === 0) batch.done(results);
          },
        });
      });
    };
    child.on("error", gone);
    child.on("close", gone);
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end < 0 || !current) return;
      const answer = text.slice(0, end);
      text = text.slice(end + 1);
      const batch = current;
      current = undefined;
      batch.done(batch.jobs.map((_, i) => answer[i] === "1"));
      next();
    });
    next();
  };

  return {
    compile: (jobs) => {
      if (jobs.length === 0) return Promise.resolve([]);
      if (closed || (restarts > RESTARTS && children.size === 0))
        return Promise.resolve(jobs.map(() => false));
      return new Promise((resolve) => {
        const results: boolean[] = new Array(jobs.length);
        let left = 0;
        for (let from = 0; from < jobs.length; from += BATCH) {
          left++;
          const batch: Batch = {
            jobs: jobs.slice(from, from + BATCH),
            done: (part) => {
              for (let i = 0; i < part.length; i++) results[from + i] = part[i]!;
              if (--left === 0) resolve(results);
            },
          };
          const taker = idle.pop();
          if (taker) taker(batch);
          else {
            queue.push(batch);
            if (children.size < options.processes) start();
          }
        }
      });
    },
    close: async () => {
      closed = true;
      const ends = [...children].map(
        (child) => new Promise<void>((resolve) => child.once("close", () => resolve())),
      );
      for (const child of children) child.stdin.end();
      await Promise.all(ends);
    },
  };
}
