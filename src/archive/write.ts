/**
 * Writes conda archives (CEP 35): `.conda`, a stored zip of two zstd tarballs, and `.tar.bz2`. Output depends on the
 * entries alone (fixed owner, given times, given order), so equal input gives equal bytes.
 */
import { pack } from "tar-stream";
import { ToolError } from "../errors.ts";
import { compressBzip2 } from "./bzip2-write.ts";
import { crc32 } from "./crc32.ts";
import { compress, type ZstdBackend } from "./zstd.ts";

export interface ArchiveEntry {
  /** Relative, with `/`. */
  path: string;
  /** File content; absent for links and directories. */
  content?: Uint8Array | string | undefined;
  /** Permission bits; default 0o644 (directories 0o755). */
  mode?: number | undefined;
  /** Target of a symbolic link. */
  symlink?: string | undefined;
  /** Earlier entry that this is a hard link to. */
  hardlink?: string | undefined;
  directory?: boolean | undefined;
  /** Seconds since the epoch; default 0. */
  mtime?: number | undefined;
}

export interface CondaArchive {
  /** `name-version-build`: part of the member names. */
  dist: string;
  info: readonly ArchiveEntry[];
  pkg: readonly ArchiveEntry[];
  /** zstd level, default 19. */
  level?: number | undefined;
  backend?: ZstdBackend | undefined;
}

/** A tar archive of the entries in their order; names that do not fit into ustar get PAX headers. */
async function createTar(entries: readonly ArchiveEntry[]): Promise<Uint8Array> {
  const tar = pack();
  const chunks: Buffer[] = [];
  const done = new Promise<void>((resolve, reject) => {
    tar.on("data", (chunk) => chunks.push(chunk as Buffer));
    tar.on("end", resolve);
    tar.on("error", reject);
  });
  for (const entry of entries) {
    const content =
      typeof entry.content === "string" ? Buffer.from(entry.content) : Buffer.from(entry.content ?? []);
    const type =
      entry.symlink !== undefined
        ? "symlink"
        : entry.hardlink !== undefined
          ? "link"
          : entry.directory
            ? "directory"
            : "file";
    const linkname = entry.symlink ?? entry.hardlink;
    const header = {
      name: entry.path,
      type,
      mode: entry.mode ?? (entry.directory ? 0o755 : 0o644),
      mtime: new Date((entry.mtime ?? 0) * 1000),
      uid: 0,
      gid: 0,
      ...(linkname === undefined ? { size: content.length } : { linkname }),
    } as const;
    await new Promise<void>((resolve, reject) => {
      const added = (error?: Error | null): void => (error ? reject(error) : resolve());
      if (type === "file") tar.entry(header, content, added);
      else tar.entry(header, added);
    });
  }
  tar.finalize();
  await done;
  return Buffer.concat(chunks);
}

/** The bytes of a `.conda` file. */
export async function createCondaArchive(archive: CondaArchive): Promise<Uint8Array> {
  const { dist, level, backend } = archive;
  const [pkg, info] = [await createTar(archive.pkg), await createTar(archive.info)];
  return createStoredZip([
    { name: "metadata.json", bytes: Buffer.from('{"conda_pkg_format_version": 2}') },
    { name: `pkg-${dist}.tar.zst`, bytes: await compress(pkg, level, backend) },
    { name: `info-${dist}.tar.zst`, bytes: await compress(info, level, backend) },
  ]);
}

/** The bytes of a `.tar.bz2` package; `level` is 1-9, default 9. Put info/ first: readers then see the metadata early. */
export async function createTarBz2Archive(
  entries: readonly ArchiveEntry[],
  level?: number,
): Promise<Uint8Array> {
  return compressBzip2(await createTar(entries), level);
}

export interface ZipMember {
  name: string;
  bytes: Uint8Array;
}

const DOS_EPOCH_DATE = 0x21; // 1980-01-01, the earliest that zip can say
const MAX_32 = 0xffffffff;

/** A zip archive with stored (uncompressed) members, no extra fields and no comment. Members below 4 GiB. */
export function createStoredZip(members: readonly ZipMember[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes } of members) {
    const nameBytes = Buffer.from(name);
    if (bytes.length >= MAX_32 || offset + bytes.length >= MAX_32)
      throw new ToolError("archive-invalid", `\`${name}\` is too large for a zip without zip64`);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(DOS_EPOCH_DATE, 8);
    shared.writeUInt32LE(crc32(bytes), 10);
    shared.writeUInt32LE(bytes.length, 14);
    shared.writeUInt32LE(bytes.length, 18);
    shared.writeUInt16LE(nameBytes.length, 22);
    const end = Buffer.alloc(14);
    end.writeUInt32LE((0o100644 << 16) >>> 0, 6);
    end.writeUInt32LE(offset, 10);
    central.push(Buffer.from([0x50, 0x4b, 1, 2, 20, 3]), shared, end, nameBytes);
    parts.push(Buffer.from([0x50, 0x4b, 3, 4]), shared, nameBytes, bytes);
    offset += 30 + nameBytes.length + bytes.length;
  }
  const directory = Buffer.concat(central);
  const eocd = Buffer.alloc(22);
  eocd.writeUInt32LE(0x06054b50, 0);
  eocd.writeUInt16LE(members.length, 8);
  eocd.writeUInt16LE(members.length, 10);
  eocd.writeUInt32LE(directory.length, 12);
  eocd.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, eocd]);
}
