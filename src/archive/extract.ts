/**
 * Extracts conda archives (CEP 35) while their bytes arrive. Made for worker threads: file-system calls are synchronous.
 * Everything in the archive is hostile until checked; nothing is ever written outside the destination, and no link is
 * followed. Errors are `archive-invalid` (damaged or deceptive) and `archive-unsafe-path` (names something it must not).
 */
import { ToolError } from "../errors.ts";
import { readPieces } from "../fs/archive-files.ts";
import { removeTree } from "../fs/files.ts";
import { TreeWriter } from "../fs/tree-writer.ts";
import { createDecompressor as createBzip2 } from "./bzip2.ts";
import { CondaMembers } from "./conda-members.ts";
import { Budget, DEFAULT_LIMITS, type ExtractLimits, PackageTree } from "./package-tree.ts";
import { type TarEntry, TarReader } from "./tar.ts";
import { StoredZipReader } from "./zip.ts";
import { type Decompressor, loadDecompressor, type ZstdBackend } from "./zstd.ts";

/** Those that decode on this thread into one buffer: a new one for each piece is garbage until the next collection (60 MB). */
const PACKAGE_BACKENDS: readonly ZstdBackend[] = ["zlib-sync", "wasm"];

export type ArchiveKind = "conda" | "tar.bz2";

export interface ExtractOptions {
  kind: ArchiveKind;
  /** Absolute path of a directory that does not exist or is empty. */
  destination: string;
  limits?: Partial<ExtractLimits> | undefined;
  /** Symbolic links with absolute targets: real packages have them. They are never followed. Default `allow`. */
  externalLinks?: "allow" | "refuse" | undefined;
  /** Names must be safe on Windows. Default: whether this is Windows. */
  windows?: boolean | undefined;
  backend?: ZstdBackend | undefined;
  signal?: AbortSignal | undefined;
}

export interface ExtractSummary {
  /** Files and links. */
  files: number;
  /** Bytes of the files. */
  bytes: number;
  /** Paths of symbolic links with absolute targets. */
  externalLinks: string[];
  /** Paths of symbolic links without a target, or that this system did not let the user create (Windows). */
  skippedLinks: string[];
}

export interface Extractor {
  /** The chunk must stay unchanged until this returns, or the promise that it returns is settled. Then the next may follow. */
  write(chunk: Uint8Array): void | Promise<void>;
  end(): Promise<ExtractSummary>;
  /** Stops and removes what was written. */
  abort(): Promise<void>;
}

/** Starts to extract; throws `io-error` when the destination is not empty. */
export async function createExtractor(options: ExtractOptions): Promise<Extractor> {
  const createZstd =
    options.kind === "conda" ? await loadDecompressor(options.backend ?? PACKAGE_BACKENDS) : undefined;
  const writer = new TreeWriter(options.destination);
  const tree = new PackageTree(writer, {
    windows: options.windows ?? process.platform === "win32",
    externalLinks: options.externalLinks ?? "allow",
  });
  const budget = new Budget({ ...DEFAULT_LIMITS, ...options.limits });
  const newTar = (): TarReader => new TarReader(new TreeHandler(tree, writer, budget));
  const reader: Decompressor = createZstd ? condaReader(createZstd, newTar) : tarBz2Reader(newTar());
  let failure: unknown;
  const attempt = <T>(work: () => T): T => {
    if (failure) throw failure;
    try {
      if (options.signal?.aborted) throw new ToolError("interrupted", "extraction was interrupted");
      return work();
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  return {
    write: (chunk) =>
      attempt(() => {
        budget.received += chunk.length;
        const pending = reader.write(chunk);
        return pending?.catch((error) => {
          failure = error;
          throw error;
        });
      }),
    end: async () => {
      await attempt(() => reader.end());
      attempt(() => tree.finish());
      return {
        files: tree.files,
        bytes: budget.produced,
        externalLinks: tree.externalLinks,
        skippedLinks: tree.skippedLinks,
      };
    },
    abort: async () => {
      failure ??= new ToolError("interrupted", "extraction was given up");
      reader.abort();
      writer.close();
      await removeTree(options.destination);
    },
  };
}

/** Extracts an archive that is on disk; its kind comes from its name. Removes what it wrote when it fails. */
export async function extractFile(
  archive: string,
  destination: string,
  options: Omit<ExtractOptions, "kind" | "destination"> = {},
): Promise<ExtractSummary> {
  const extractor = await createExtractor({ ...options, kind: archiveKind(archive), destination });
  try {
    for (const piece of readPieces(archive)) await extractor.write(piece);
    return await extractor.end();
  } catch (error) {
    await extractor.abort();
    throw error;
  }
}

/** The kind that a file name promises. Throws `usage` for any other. */
export function archiveKind(path: string): ArchiveKind {
  if (path.endsWith(".conda")) return "conda";
  if (path.endsWith(".tar.bz2")) return "tar.bz2";
  throw new ToolError("usage", `\`${path}\` is no conda package`, {
    hint: "names end with .conda or .tar.bz2",
  });
}

class TreeHandler {
  private readonly tree: PackageTree;
  private readonly writer: TreeWriter;
  private readonly budget: Budget;

  constructor(tree: PackageTree, writer: TreeWriter, budget: Budget) {
    this.tree = tree;
    this.writer = writer;
    this.budget = budget;
  }

  entry(entry: TarEntry): void {
    this.budget.addEntry();
    if (entry.type === "file") {
      this.budget.declare(entry.size);
      this.tree.file(entry.name, entry.mode, entry.mtime);
    } else if (entry.type === "directory") this.tree.directory(entry.name);
    else if (entry.type === "symlink") this.tree.symlink(entry.name, entry.target);
    else this.tree.hardlink(entry.name, entry.target);
  }

  data(bytes: Uint8Array, from: number, to: number): void {
    this.budget.addBytes(to - from);
    this.writer.write(bytes, from, to);
  }

  entryEnd(): void {
    this.writer.closeFile();
  }
}

function tarBz2Reader(tar: TarReader): Decompressor {
  const bzip2 = createBzip2((bytes) => tar.write(bytes));
  return {
    write: (chunk) => bzip2.write(chunk),
    end: async () => {
      await bzip2.end();
      tar.end();
    },
    abort: () => bzip2.abort(),
  };
}

function condaReader(
  createZstd: Awaited<ReturnType<typeof loadDecompressor>>,
  newTar: () => TarReader,
): Decompressor {
  const members = new CondaMembers(createZstd, newTar);
  const zip = new StoredZipReader(members);
  return {
    write: (chunk) => zip.write(chunk),
    end: () => {
      zip.end();
      members.end();
    },
    abort: () => members.abort(),
  };
}
