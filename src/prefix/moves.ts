import { ToolError } from "../errors.ts";
import type { EntryKind } from "../fs/entry-kind.ts";
import { movesDirectories } from "../fs/place.ts";
import { fileModeSync } from "../fs/sync-files.ts";
import { directoryInside, entriesOf } from "../fs/tree.ts";

/**
 * Which renames take a prefix from the old state to the new one. Whole directories move where everything in them goes or comes, so
 * that a transaction of tens of thousands of files is a few renames, and a directory that would be left empty goes with its files.
 * Where the file system moves no directories, files move one by one; new directories are of the upper layer and move all the same.
 */
export interface Moves {
  /** Out of the prefix first, in this order. */
  out: string[];
  /** Directories that are removed after that, children first, where they cannot move as a whole; with their permission bits. */
  emptied: { path: string; mode: number }[];
  /** Into the prefix, last. */
  in: string[];
  /** Files that no package owns and that a new one replaces. */
  overwritten: string[];
  /** Listed files that are not inside the prefix, seen through a symlink: left alone. */
  outside: string[];
}

/** What goes. `directories` are those that came with a package; they go when they are empty. */
export interface Removals {
  files: string[];
  directories: string[];
  /** Byte code that belongs to a package that stays, whatever happens to the source beside it. */
  keptByteCode: Set<string>;
}

interface Node {
  files: Set<string>;
  directories: Map<string, Node>;
}

const newNode = (): Node => ({ files: new Set(), directories: new Map() });

function treeOf(paths: Iterable<string>, directories: Iterable<string>): Node {
  const root = newNode();
  const nodes = new Map<string, Node>([["", root]]);
  const nodeOf = (directory: string): Node => {
    const known = nodes.get(directory);
    if (known) return known;
    const slash = directory.lastIndexOf("/");
    const parent = nodeOf(slash < 0 ? "" : directory.slice(0, slash));
    const node = newNode();
    parent.directories.set(directory.slice(slash + 1), node);
    nodes.set(directory, node);
    return node;
  };
  for (const path of paths) {
    const slash = path.lastIndexOf("/");
    nodeOf(slash < 0 ? "" : path.slice(0, slash)).files.add(path.slice(slash + 1));
  }
  for (const directory of directories) nodeOf(directory);
  return root;
}

const join = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`);

/**
 * Plans the renames: `removed` are the paths that go (nothing that another package needs) and the empty directories that came with a
 * package, `staged` is the absolute directory of the new files, laid out like the prefix. `fold` makes names equal that are one file.
 */
export function planMoves(
  prefix: string,
  removed: Readonly<Removals>,
  staged: string | undefined,
  fold: (name: string) => string = (name) => name,
): Moves {
  const moves: Moves = { out: [], emptied: [], in: [], overwritten: [], outside: [] };
  const gone = new Set<string>();
  const out = (path: string): void => {
    moves.out.push(path);
    gone.add(fold(path));
  };
  const empty = (path: string): void => {
    moves.emptied.push({ path, mode: fileModeSync(`${prefix}/${path}`) ?? 0o755 });
    gone.add(fold(path));
  };
  collectRemovals(prefix, "", treeOf(removed.files.map(fold), removed.directories.map(fold)), {
    out,
    empty: movesDirectories(prefix) ? undefined : empty,
    moves,
    keptByteCode: new Set([...removed.keptByteCode].map(fold)),
    fold,
  });
  if (staged !== undefined) collectArrivals(prefix, staged, "", { out, gone, moves, fold });
  return moves;
}

interface RemovalContext {
  out: (path: string) => void;
  /** Set where directories cannot move: they are emptied and removed. */
  empty: ((path: string) => void) | undefined;
  fold: (name: string) => string;
  keptByteCode: ReadonlySet<string>;
  moves: Moves;
}

/** Moves out what is listed below `directory`. `whole` when all of it may go: the caller then moves the directory itself. */
function collectRemovals(
  prefix: string,
  directory: string,
  node: Node,
  context: RemovalContext,
  sources?: Node,
): "whole" | "emptied" | "stays" {
  const { going, stays } = findRemovals(prefix, directory, node, context, sources);
  // Everything in conda-meta is decided one by one.
  const goes = !stays && directory !== "" && directory !== "conda-meta";
  if (goes && !context.empty) return "whole";
  for (const path of going) context.out(path);
  if (!goes) return "stays";
  context.empty?.(directory);
  return "emptied";
}

/**
 * What of a directory goes, in folded names in `node`, and whether anything stays in it; what goes further below is moved out. `sources`
 * is the parent of a `__pycache__`: byte code of a source that goes goes with it, recorded or not, unless a package that stays has brought it.
 */
function findRemovals(
  prefix: string,
  directory: string,
  node: Node,
  context: RemovalContext,
  sources?: Node,
): { going: string[]; stays: boolean } {
  const entries = entriesOf(directory === "" ? prefix : `${prefix}/${directory}`);
  const going: string[] = [];
  let stays = !entries;
  const { fold } = context;
  for (const [name, kind] of entries ?? []) {
    const path = join(directory, name);
    const folded = fold(name);
    const cache = name === "__pycache__" && node.files.size > 0;
    const child = node.directories.get(folded) ?? (cache ? newNode() : undefined);
    if (kind === "directory") {
      const fate = child ? collectRemovals(prefix, path, child, context, cache ? node : undefined) : "stays";
      if (fate === "whole") going.push(path);
      else if (fate === "stays") stays = true;
    } else if (
      node.files.has(folded) ||
      (sources && kind === "file" && isByteCodeOf(folded, sources) && !context.keptByteCode.has(fold(path)))
    ) {
      going.push(path);
    } else {
      if (child && kind === "symlink") throughSymlink(prefix, path, child, context);
      stays = true;
    }
  }
  return { going, stays };
}

/** Whether `name.cpython-311.pyc` or `name.cpython-311.opt-1.pyc` belongs to a source that goes. */
function isByteCodeOf(name: string, sources: Node): boolean {
  const stem = /^(.+?)\.[^.]+(?:\.opt-\d)?\.pyc$/.exec(name)?.[1];
  return stem !== undefined && sources.files.has(`${stem}.py`);
}

/** Files listed below a directory that is a symlink: removed where it leads, if that is inside the prefix. */
function throughSymlink(prefix: string, path: string, node: Node, context: RemovalContext): void {
  const real = directoryInside(prefix, `${prefix}/${path}`);
  if (real === undefined || real === "" || real === "conda-meta" || real.startsWith("conda-meta/")) {
    context.moves.outside.push(path);
    return;
  }
  // The directory may be emptied by this, but it belongs to whoever made it: only what is in it goes.
  for (const inside of findRemovals(prefix, real, node, context).going) context.out(inside);
}

interface ArrivalContext {
  out: (path: string) => void;
  gone: Set<string>;
  moves: Moves;
  fold: (name: string) => string;
}

/** Merges the staged tree into the prefix: a directory that is not there moves as a whole. */
function collectArrivals(prefix: string, staged: string, directory: string, context: ArrivalContext): void {
  const arriving = entriesOf(directory === "" ? staged : `${staged}/${directory}`);
  if (!arriving) return;
  const { fold } = context;
  const present = new Map<string, { spelling: string; kind: EntryKind }>();
  for (const [name, kind] of entriesOf(directory === "" ? prefix : `${prefix}/${directory}`) ?? [])
    present.set(fold(name), { spelling: name, kind });
  for (const [name, kind] of arriving) {
    const path = join(directory, name);
    const found = context.gone.has(fold(path)) ? undefined : present.get(fold(name));
    const there = found?.kind;
    if (there === undefined) context.moves.in.push(path);
    else if (kind === "directory" && there === "directory") collectArrivals(prefix, staged, path, context);
    else if (there === "directory") {
      throw new ToolError(
        "clobber",
        `\`${prefix}/${path}\` is a directory with files of others where a package has a file`,
        {
          hint: "move the directory away and run the command again",
        },
      );
    } else {
      if (directory !== "conda-meta") context.moves.overwritten.push(path);
      context.out(join(directory, found!.spelling));
      context.moves.in.push(path);
    }
  }
}
