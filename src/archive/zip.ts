/**
 * A push reader of stored zip archives, as `.conda` files are (CEP 35), strict enough that no two readers can see different
 * members (CVE-2025-54368): members are read in order from their local headers, and the central directory must then say
 * exactly the same. No data before, between or after; one end record; no comment, encryption or compression.
 */
import { crc32 } from "./crc32.ts";
import {
  type CentralDirectory,
  invalidZip,
  type LocalMember,
  parseLocalHeader,
  verifyCentralDirectory,
} from "./zip-headers.ts";

/** `member`, then `data` any number of times, then `memberEnd`. What returns a promise is waited for. */
export interface ZipHandler {
  member(name: string, size: number): void;
  data(bytes: Uint8Array): void | Promise<void>;
  memberEnd(): void | Promise<void>;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const MAX_MEMBERS = 16;
/** Sixteen members with names and extra fields fit many times. */
const MAX_DIRECTORY = 64 * 1024;

export class StoredZipReader {
  private state: "signature" | "fixed" | "names" | "data" | "directory" = "signature";
  private held = new Uint8Array(30);
  private have = 0;
  private want = 4;
  private offset = 0;
  private left = 0;
  private crc = 0;
  private readonly members: LocalMember[] = [];
  private current: LocalMember | undefined;
  private directory: CentralDirectory = { offset: 0, bytes: [], length: 0 };
  private readonly handler: ZipHandler;

  constructor(handler: ZipHandler) {
    this.handler = handler;
  }

  write(chunk: Uint8Array): void | Promise<void> {
    return this.writeFrom(chunk, 0);
  }

  /** Throws `archive-invalid` unless the archive is complete and its two descriptions of the members agree. */
  end(): void {
    if (this.state !== "directory")
      throw invalidZip(this.offset === 0 && this.have === 0 ? "it is empty" : "it ends inside a member");
    verifyCentralDirectory(this.directory, this.members);
  }

  private writeFrom(chunk: Uint8Array, from: number): void | Promise<void> {
    let at = from;
    while (at < chunk.length) {
      if (this.state === "directory") {
        this.keepDirectory(chunk.subarray(at));
        return;
      }
      if (this.state !== "data") {
        at = this.gather(chunk, at);
        if (this.have < this.want) return;
        const pending = this.headerPart();
        if (pending) return pending.then(() => this.writeFrom(chunk, at));
        continue;
      }
      const n = Math.min(this.left, chunk.length - at);
      const piece = chunk.subarray(at, at + n);
      at += n;
      const pending = this.memberData(piece);
      if (pending) return pending.then(() => this.writeFrom(chunk, at));
    }
  }

  private gather(chunk: Uint8Array, at: number): number {
    const n = Math.min(this.want - this.have, chunk.length - at);
    this.held.set(chunk.subarray(at, at + n), this.have);
    this.have += n;
    this.offset += n;
    return at + n;
  }

  private headerPart(): void | Promise<void> {
    const view = new DataView(this.held.buffer);
    if (this.state === "signature") {
      const signature = view.getUint32(0, true);
      if (signature === CENTRAL) {
        this.state = "directory";
        this.directory.offset = this.offset - 4;
        this.keepDirectory(this.held.slice(0, 4));
      } else if (signature === LOCAL) {
        if (this.members.length >= MAX_MEMBERS) throw invalidZip(`it has more than ${MAX_MEMBERS} members`);
        this.state = "fixed";
        this.want = 30;
      } else if (this.members.length === 0) throw invalidZip("it does not begin with a zip member");
      else throw invalidZip("something else follows a member");
      return;
    }
    if (this.state === "fixed") {
      const length = 30 + view.getUint16(26, true) + view.getUint16(28, true);
      if (length > 8192) throw invalidZip("a member has an oversized header");
      const grown = new Uint8Array(Math.max(length, 30));
      grown.set(this.held.subarray(0, 30));
      this.held = grown;
      this.want = length;
      this.state = "names";
      if (length > 30) return;
    }
    const member = parseLocalHeader(this.held, this.offset - this.want);
    if (this.members.some((other) => other.name === member.name))
      throw invalidZip(`\`${member.name}\` is in it twice`);
    this.members.push(member);
    this.current = member;
    this.handler.member(member.name, member.size);
    this.left = member.size;
    this.crc = 0;
    this.state = "data";
    if (this.left === 0) return this.memberEnd();
  }

  private memberData(piece: Uint8Array): void | Promise<void> {
    this.left -= piece.length;
    this.offset += piece.length;
    this.crc = crc32(piece, this.crc);
    const pending = this.handler.data(piece);
    if (this.left > 0) return pending;
    return pending ? pending.then(() => this.memberEnd()) : this.memberEnd();
  }

  private memberEnd(): void | Promise<void> {
    if (this.crc !== this.current!.crc)
      throw invalidZip(`the checksum of \`${this.current!.name}\` does not match`);
    this.state = "signature";
    this.held = new Uint8Array(30);
    this.have = 0;
    this.want = 4;
    return this.handler.memberEnd();
  }

  private keepDirectory(bytes: Uint8Array): void {
    this.directory.length += bytes.length;
    if (this.directory.length > MAX_DIRECTORY)
      throw invalidZip("its directory is too large, or bytes follow its end");
    this.directory.bytes.push(bytes.slice());
  }
}
