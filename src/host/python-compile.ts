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

/** A batch in smaller ones; it is done when all of them are. */
function partsOf({ jobs, done }: Batch, size: number): Batch[] {
  const results: boolean[] = new Array(jobs.length);
  const parts: Batch[] = [];
  let left = 0;
  for (let from = 0; from < jobs.length; from += size) {
    left++;
    parts.push({
      jobs: jobs.slice(from, from + size),
      done: (part) => {
        for (let i = 0; i < part.length; i++) results[from + i] = part[i]!;
        if (--left === 0) done(results);
      },
    });
  }
  return parts;
}

const fail = ({ jobs, done }: Batch): void => done(jobs.map(() => false));

interface CompilerOptions {
  executable: string;
  processes: number;
  /** The whole environment of the interpreters. */
  env: Record<string, string | undefined>;
  signal?: AbortSignal | undefined;
}

/** One process, which has one batch at a time. */
interface Interpreter {
  child: ChildProcessByStdio<Writable, Readable, null>;
  give(batch: Batch): void;
}

interface InterpreterEvents {
  /** It has answered, and takes another batch. */
  free(interpreter: Interpreter): void;
  /** It has ended; `unanswered` is the batch that it had. */
  gone(interpreter: Interpreter, unanswered: Batch | undefined): void;
}

function startInterpreter(options: CompilerOptions, events: InterpreterEvents): Interpreter {
  const child = spawn(options.executable, ["-E", "-s", "-S", "-B", "-W", "ignore", "-c", SCRIPT], {
    stdio: ["pipe", "pipe", "ignore"],
    env: options.env as NodeJS.ProcessEnv,
    signal: options.signal,
  });
  let current: Batch | undefined;
  let text = "";
  let ended = false;
  const interpreter: Interpreter = {
    child,
    give: (batch) => {
      current = batch;
      const fields = batch.jobs.map((job) => `${job.source}\0${job.target}\0${job.name}`);
      child.stdin.write(`${fields.join("\0")}\n`);
    },
  };
  const gone = (): void => {
    if (ended) return;
    ended = true;
    events.gone(interpreter, current);
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
    if (!ended) events.free(interpreter);
  });
  return interpreter;
}

/** Starts nothing before the first job. */
export function createPythonCompiler(options: CompilerOptions): PythonCompiler {
  const queue: Batch[] = [];
  const running = new Set<Interpreter>();
  const idle: Interpreter[] = [];
  let restarts = 0;
  let closed = false;

  const free = (interpreter: Interpreter): void => {
    const batch = queue.shift();
    if (batch) interpreter.give(batch);
    else idle.push(interpreter);
  };
  const gone = (interpreter: Interpreter, unanswered: Batch | undefined): void => {
    running.delete(interpreter);
    const at = idle.indexOf(interpreter);
    if (at >= 0) idle.splice(at, 1);
    if (unanswered) tryAlone(unanswered);
    if (running.size > 0 && (closed || !unanswered)) return;
    const other = idle.pop();
    if (other) free(other);
    else if (!closed && restarts++ < RESTARTS) start();
    else if (running.size === 0) queue.splice(0).forEach(fail);
  };
  /** What killed the interpreter is one file: the others of its batch are tried one by one. */
  const tryAlone = (batch: Batch): void => {
    if (batch.jobs.length === 1 || closed || restarts >= RESTARTS) fail(batch);
    else queue.push(...partsOf(batch, 1));
  };
  const start = (): void => {
    const interpreter = startInterpreter(options, { free, gone });
    running.add(interpreter);
    free(interpreter);
  };

  return {
    compile: (jobs) => {
      if (jobs.length === 0) return Promise.resolve([]);
      if (closed || (restarts > RESTARTS && running.size === 0))
        return Promise.resolve(jobs.map(() => false));
      return new Promise((resolve) => {
        for (const batch of partsOf({ jobs, done: resolve }, BATCH)) {
          const taker = idle.pop();
          if (taker) taker.give(batch);
          else {
            queue.push(batch);
            if (running.size < options.processes) start();
          }
        }
      });
    },
    close: async () => {
      closed = true;
      const ends = [...running].map(
        ({ child }) => new Promise<void>((resolve) => child.once("close", () => resolve())),
      );
      for (const { child } of running) child.stdin.end();
      await Promise.all(ends);
    },
  };
}
