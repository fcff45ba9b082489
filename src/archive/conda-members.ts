import { ToolError } from "../errors.ts";
import type { TarReader } from "./tar.ts";
import type { ZipHandler } from "./zip.ts";
import { invalidZip } from "./zip-headers.ts";
import type { ByteSink, Decompressor, DecompressorOptions } from "./zstd.ts";

const MAX_METADATA = 64 * 1024;

/**
 * What the members of a `.conda` are (CEP 35): `metadata.json`, `info-<dist>.tar.zst`, `pkg-<dist>.tar.zst`, in any order.
 * Real archives leave out metadata.json or an empty pkg part; a second part of a kind, or any other member, is refused.
 */
export class CondaMembers implements ZipHandler {
  private readonly seen = new Map<string, string>();
  private metadata: Uint8Array[] | undefined;
  private tar: TarReader | undefined;
  private zstd: Decompressor | undefined;
  private readonly createZstd: (sink: ByteSink, options: DecompressorOptions) => Decompressor;
  private readonly newTar: () => TarReader;

  constructor(createZstd: CondaMembers["createZstd"], newTar: () => TarReader) {
    this.createZstd = createZstd;
    this.newTar = newTar;
  }

  member(name: string, size: number): void {
    if (name === "metadata.json") {
      if (size > MAX_METADATA) throw invalidZip("its metadata.json is too large");
      this.metadata = [];
      return;
    }
    const [, part, dist] = /^(info|pkg)-(.+)\.tar\.zst$/.exec(name) ?? [];
    if (!part || !dist)
      throw invalidZip(`its member \`${name}\` is neither metadata.json nor a part of a package`);
    if (this.seen.has(part)) throw invalidZip(`it has two ${part} parts`);
    for (const other of this.seen.values()) {
      if (other !== dist) throw invalidZip(`its parts are of \`${other}\` and of \`${dist}\``);
    }
    this.seen.set(part, dist);
    const tar = this.newTar();
    this.tar = tar;
    this.zstd = this.createZstd((bytes) => tar.write(bytes), { transient: true });
  }

  data(bytes: Uint8Array): void | Promise<void> {
    if (this.zstd) return this.zstd.write(bytes);
    this.metadata?.push(bytes.slice());
  }

  memberEnd(): void | Promise<void> {
    const { zstd, tar } = this;
    if (!zstd || !tar) {
      checkMetadata(Buffer.concat(this.metadata ?? []));
      this.metadata = undefined;
      return;
    }
    const close = (): void => {
      tar.end();
      this.zstd = undefined;
      this.tar = undefined;
    };
    const pending = zstd.end();
    if (pending) return pending.then(close);
    close();
  }

  end(): void {
    if (!this.seen.has("info")) throw invalidZip("it has no info part");
  }

  abort(): void {
    this.zstd?.abort();
  }
}

function checkMetadata(bytes: Buffer): void {
  if (bytes.length === 0) return; // says as much as no metadata.json
  let version: unknown;
  try {
    version = (JSON.parse(bytes.toString("utf8")) as { conda_pkg_format_version?: unknown } | null)
      ?.conda_pkg_format_version;
  } catch (error) {
    throw new ToolError("archive-invalid", "invalid .conda archive: its metadata.json is no JSON", {
      cause: error,
    });
  }
  if (version !== 2) throw invalidZip(`format version \`${String(version)}\` is not supported`);
}
