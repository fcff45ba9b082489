import { redactText, splitCredentials } from "../credentials.ts";
import type { LockedPypiPackage } from "../lock/types.ts";
import { channelUrl } from "../records.ts";
import { trimTrailingSlashes } from "../slashes.ts";
import { hashesOf, type LockPlatformExport } from "./conda-lock.ts";

export interface MambajsLockExport extends LockPlatformExport {
  /** What was asked for. */
  specs: readonly string[];
  /** Highest priority first. */
  channels: readonly { name: string; url: string }[];
}

/** The JSON lock of mambajs 0.21 (`lockVersion` 1.0.3): one platform, packages by file name. */
export function writeMambajsLock({
  platform,
  records,
  pypi = [],
  specs,
  channels,
}: MambajsLockExport): string {
  const names = new Map(channels.map(({ name, url }) => [bareUrl(url), name]));
  const packages: Record<string, object> = {};
  for (const record of [...records].sort((a, b) => (a.fn < b.fn ? -1 : 1))) {
    const base = bareUrl(channelUrl(record));
    // A package from elsewhere, as its spec or the channel's `base_url` said, brings a channel that is named by its URL.
    if (!names.has(base)) names.set(base, base);
    packages[record.fn] = {
      name: record.name,
      version: record.version,
      build: record.build,
      subdir: record.subdir,
      channel: names.get(base),
      ...hashes(record),
    };
  }
  const document = {
    lockVersion: "1.0.3",
    specs: specs.map(redactText),
    channels: [...names.values()],
    channelInfo: Object.fromEntries(
      [...names].map(([url, name]) => [name, [{ url, protocol: url.split(":", 1)[0] }]]),
    ),
    platform,
    packages,
    pipPackages: Object.fromEntries(pypi.map((item) => [item.name, pipEntry(item)])),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function pipEntry(item: LockedPypiPackage): object {
  const { url } = splitCredentials(item.location);
  return { name: item.name, version: item.version, url, registry: "PyPi", ...hashes(item) };
}

function hashes(item: { md5?: string | undefined; sha256?: string | undefined }): object {
  return item.md5 || item.sha256 ? { hash: hashesOf(item) } : {};
}

function bareUrl(url: string): string {
  return trimTrailingSlashes(splitCredentials(url).url);
}
