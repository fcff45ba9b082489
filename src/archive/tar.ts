/**
 * A push reader of tar: ustar, GNU long names, PAX. Strict where parsers of the field disagree, since two readings of one
 * archive are how hidden members get in: sizes must be told one way only (CVE-2025-62518), checksums must match, nothing
 * but zeros may follow the end. Sparse files, devices and unknown types are refused. File data is passed on uncopied.
 */
import { ToolError } from "../errors.ts";
import { decodeText, type Overrides, parseHeader, parsePax, type RawHeader } from "./tar-header.ts";

export interface TarEntry {
  name: string;
  type: "file" | "directory" | "symlink" | "hardlink";
  /** Bytes of data; 0 unless it is a file. */
  size: number;
  mode: number;
  /** Seconds since the epoch; undefined where the archive does not say. */
  mtime: number | undefined;
  /** Of links. */
  target: string;
}

/** `entry`, then `data` any number of times, then `entryEnd`. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** Bytes `from` to `to` of these. */
  data(bytes: Uint8Array, from: number, to: number): void;
  entryEnd(): void;
}

const BLOCK = 512;
const MAX_EXTENSION = 1024 * 1024;

export class TarReader {
  private readonly block = Buffer.alloc(BLOCK);
  private filled = 0;
  private state: "header" | "data" | "extension" | "padding" | "ended" = "header";
  private left = 0;
  private padding = 0;
  private zeroBlocks = 0;
  private extension: { type: string; bytes: Uint8Array; at: number } | undefined;
  private overrides: Overrides = {};
  private readonly handler: TarHandler;

  constructor(handler: TarHandler) {
    this.handler = handler;
  }

  write(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < chunk.length; ) at = this.consume(chunk, at);
  }

  /** Throws `archive-invalid` unless the archive came to its end. */
  end(): void {
    if (this.state === "data" || this.state === "extension" || this.state === "padding")
      throw invalid("it ends inside a member");
    if (this.filled > 0) throw invalid("it ends inside a header");
    if (this.zeroBlocks === 0) throw invalid("it has no end mark");
  }

  private consume(chunk: Buffer, at: number): number {
    switch (this.state) {
      case "data": {
        const n = Math.min(this.left, chunk.length - at);
        this.handler.data(chunk, at, at + n);
        this.left -= n;
        if (this.left === 0) {
          this.handler.entryEnd();
          this.state = this.padding > 0 ? "padding" : "header";
        }
        return at + n;
      }
      case "extension": {
        const extension = this.extension!;
        const n = Math.min(this.left, chunk.length - at);
        extension.bytes.set(chunk.subarray(at, at + n), extension.at);
        extension.at += n;
        this.left -= n;
        if (this.left === 0) this.extensionEnd();
        return at + n;
      }
      case "padding": {
        const n = Math.min(this.padding, chunk.length - at);
        this.padding -= n;
        if (this.padding === 0) this.state = "header";
        return at + n;
      }
      case "ended":
        for (let i = at; i < chunk.length; i++)
          if (chunk[i] !== 0) throw invalid("bytes follow its end mark");
        return chunk.length;
      default:
        return this.header(chunk, at);
    }
  }

  private header(chunk: Buffer, at: number): number {
    if (this.filled === 0 && chunk.length - at >= BLOCK) {
      this.headerBlock(chunk, at);
      return at + BLOCK;
    }
    const n = Math.min(BLOCK - this.filled, chunk.length - at);
    chunk.copy(this.block, this.filled, at, at + n);
    this.filled += n;
    if (this.filled === BLOCK) {
      this.filled = 0;
      this.headerBlock(this.block, 0);
    }
    return at + n;
  }

  private headerBlock(bytes: Buffer, at: number): void {
    if (isZero(bytes, at)) {
      if (Object.keys(this.overrides).length > 0) throw invalid("an extended header has no member");
      if (++this.zeroBlocks === 2) this.state = "ended";
    } else {
      if (this.zeroBlocks > 0) throw invalid("a member follows the end mark");
      this.member(parseHeader(bytes, at));
    }
  }

  private member(header: RawHeader): void {
    switch (header.type) {
      case "x":
      case "g":
      case "L":
      case "K":
        this.beginExtension(header);
        return;
      case "0":
      case "\0":
      case "7":
        this.begin(header, header.name.endsWith("/") && header.type === "\0" ? "directory" : "file");
        return;
      case "1":
        this.begin(header, "hardlink");
        return;
      case "2":
        this.begin(header, "symlink");
        return;
      case "5":
        this.begin(header, "directory");
        return;
      case "S":
        throw refused(header, "sparse files are not supported");
      case "3":
      case "4":
      case "6":
        throw refused(header, "device nodes and pipes have no place in a package");
      default:
        throw refused(header, `member type \`${JSON.stringify(header.type).slice(1, -1)}\` is not supported`);
    }
  }

  private beginExtension(header: RawHeader): void {
    if (header.size > MAX_EXTENSION) throw invalid("an extended header is larger than 1 MiB");
    const { path, linkpath, pax } = this.overrides;
    const again =
      header.type === "x"
        ? pax
        : header.type === "L"
          ? path !== undefined
          : header.type === "K" && linkpath !== undefined;
    if (again) throw invalid("one member has two extended headers of a kind");
    this.extension = { type: header.type, bytes: new Uint8Array(header.size), at: 0 };
    this.left = header.size;
    this.padding = -header.size & (BLOCK - 1);
    this.state = "extension";
    if (header.size === 0) this.extensionEnd();
  }

  private extensionEnd(): void {
    const { type, bytes } = this.extension!;
    this.extension = undefined;
    this.state = this.padding > 0 ? "padding" : "header";
    const found = type === "x" || type === "g" ? parsePax(bytes, type === "g") : longName(type, bytes);
    for (const key of ["path", "linkpath"] as const) {
      if (found[key] !== undefined && this.overrides[key] !== undefined)
        throw invalid("a member has two long names");
    }
    Object.assign(this.overrides, found);
  }

  private begin(header: RawHeader, type: TarEntry["type"]): void {
    const { path, linkpath, size, mtime } = this.overrides;
    this.overrides = {};
    if (size !== undefined && size !== header.size && (header.size !== 0 || size < 2 ** 33)) {
      throw refused(header, `its header says ${header.size} bytes and its extended header ${size}`);
    }
    const bytes = size ?? header.size;
    const name = path ?? header.name;
    if (type !== "file" && bytes > 0) throw refused(header, "a link or directory has data");
    this.handler.entry({
      name,
      type,
      size: bytes,
      mode: header.mode,
      mtime: mtime ?? header.mtime,
      target: linkpath ?? header.target,
    });
    this.left = bytes;
    this.padding = (BLOCK - (bytes % BLOCK)) % BLOCK;
    if (bytes > 0) this.state = "data";
    else {
      this.state = "header";
      this.handler.entryEnd();
    }
  }
}

function isZero(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 0) return false;
  for (let i = at + 1; i < at + BLOCK; i++) if (bytes[i] !== 0) return false;
  return true;
}

function longName(type: string, bytes: Uint8Array): Overrides {
  let end = bytes.indexOf(0);
  if (end < 0) end = bytes.length;
  for (let i = end; i < bytes.length; i++)
    if (bytes[i] !== 0) throw invalid("a long name has a NUL character");
  const text = decodeText(Buffer.from(bytes.buffer, bytes.byteOffset, end));
  return type === "L" ? { path: text } : { linkpath: text };
}

function invalid(reason: string): ToolError {
  return new ToolError("archive-invalid", `invalid tar archive: ${reason}`);
}

function refused(header: RawHeader, reason: string): ToolError {
  const shown = JSON.stringify(header.name).slice(1, -1);
  return new ToolError("archive-invalid", `archive member \`${shown}\` is refused: ${reason}`, {
    details: { path: shown },
  });
}
