/** Shortcuts of Windows (`.lnk`) as bytes: MS-SHLLINK, with the property store of MS-PROPSTORE for the application's id. */

export interface ShellLink {
  /** Program; variables such as `%SystemRoot%` are expanded when it is started. At most 259 characters. */
  target: string;
  /** Command line behind the program. */
  args?: string | undefined;
  description?: string | undefined;
  workingDirectory?: string | undefined;
  icon?: string | undefined;
  /** System.AppUserModel.ID: which windows belong together on the task bar. */
  appId?: string | undefined;
  /** Starts as a symbol in the task bar, without the focus. */
  minimised?: boolean | undefined;
}

const HEADER = 0x4c;
const CLASS = [0x01, 0x14, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
const FLAGS = {
  name: 0x4,
  workingDirectory: 0x10,
  args: 0x20,
  icon: 0x40,
  unicode: 0x80,
  expandString: 0x200,
  preferExpanded: 0x2000000,
};
/** {9F4C2855-9F79-4B39-A8D0-E1D42DE1D5F3}, property 5. */
const APP_USER_MODEL = [
  0x55, 0x28, 0x4c, 0x9f, 0x79, 0x9f, 0x39, 0x4b, 0xa8, 0xd0, 0xe1, 0xd4, 0x2d, 0xe1, 0xd5, 0xf3,
];
const MAX_PATH = 260;
/** Windows cuts comments at this length. */
const MAX_NAME = 259;

const utf16 = (text: string): Uint8Array => {
  const bytes = new Uint8Array(2 * text.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true);
  return bytes;
};
const u32 = (...values: number[]): Uint8Array => {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(4 * i, value, true);
  });
  return bytes;
};
const join = (...parts: ArrayLike<number>[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

/**
 * The target stands in the environment block alone, which Windows resolves itself: a list of shell items could only be made by the
 * shell that knows its drives. Undefined when the target is too long for that.
 */
export function shellLink(link: ShellLink): Uint8Array | undefined {
  if (link.target.length >= MAX_PATH) return undefined;
  const { description, workingDirectory, args, icon } = link;
  const strings = [description?.slice(0, MAX_NAME), workingDirectory, args, icon];
  const flags =
    FLAGS.unicode |
    FLAGS.expandString |
    FLAGS.preferExpanded |
    (description ? FLAGS.name : 0) |
    (workingDirectory ? FLAGS.workingDirectory : 0) |
    (args ? FLAGS.args : 0) |
    (icon ? FLAGS.icon : 0);
  const header = new Uint8Array(HEADER);
  const view = new DataView(header.buffer);
  view.setUint32(0, HEADER, true);
  header.set(CLASS, 4);
  view.setUint32(20, flags, true);
  // SW_SHOWMINNOACTIVE or SW_SHOWNORMAL.
  view.setUint32(60, link.minimised ? 7 : 1, true);
  return join(
    header,
    ...strings.filter((text) => text).map((text) => stringData(text!)),
    environmentBlock(link.target),
    ...(link.appId ? [propertyBlock(link.appId)] : []),
    u32(0),
  );
}

/** A count of characters and the text, without a final NUL. */
function stringData(text: string): Uint8Array {
  const cut = text.slice(0, 0xffff);
  return join([cut.length & 0xff, cut.length >> 8], utf16(cut));
}

/** EnvironmentVariableDataBlock: the target in the old encoding, where only ASCII is sure, and as UTF-16. */
function environmentBlock(target: string): Uint8Array {
  const ansi = new Uint8Array(MAX_PATH);
  ansi.set(
    Uint8Array.from(target, (c) => (c.charCodeAt(0) < 0x80 ? c.charCodeAt(0) : 0x3f)).subarray(
      0,
      MAX_PATH - 1,
    ),
  );
  const wide = new Uint8Array(2 * MAX_PATH);
  wide.set(utf16(target));
  return join(u32(0x314, 0xa0000001), ansi, wide);
}

/** PropertyStoreDataBlock with one property of type VT_LPWSTR. */
function propertyBlock(appId: string): Uint8Array {
  const text = utf16(`${appId}\0`);
  const padded = new Uint8Array(Math.ceil(text.length / 4) * 4);
  padded.set(text);
  const value = join(u32(5), [0], u32(0x1f, appId.length + 1), padded);
  const properties = join(u32(value.length + 4), value, u32(0));
  const storage = join(u32(0x53505331), APP_USER_MODEL, properties);
  const store = join(u32(storage.length + 4), storage, u32(0));
  return join(u32(store.length + 8, 0xa0000009), store);
}
