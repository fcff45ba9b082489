import { ToolError } from "../errors.ts";
import { redactUrl } from "./credentials.ts";
import { trimTrailingSlashes } from "./slashes.ts";

export function invalidChannel(text: string, reason: string): ToolError {
  return new ToolError("channel-invalid", `invalid channel \`${redactUrl(text)}\`: ${reason}`, {
    hint: "a channel is a name such as `conda-forge`, a URL, or a path such as `./channel`",
  });
}

export type ChannelKind = "url" | "path" | "name";

/** Whether a channel is written as a URL, a path of this machine, or a name. Throws for `~somebody`. */
export function channelKind(text: string): ChannelKind {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return "url";
  // CEP 26: `.`, `..`, `/`, `\`, and a Windows drive start a path; `~` too, as in every peer.
  if (/^(?:\.{1,2}$|\.{0,2}[/\\]|[a-z]:(?:[/\\]|$)|~(?:[/\\]|$))/i.test(text)) return "path";
  if (text.startsWith("~")) throw invalidChannel(text, "the home directory of another user is not expanded");
  return "name";
}

/** Lower-case scheme and host, encoded spaces, resolved `..`; throws for what is no URL. */
export function normalizeUrl(text: string): string {
  let parsed: URL;
  try {
    parsed = new URL(text);
  } catch {
    throw invalidChannel(text, "it is not a valid URL");
  }
  if (parsed.protocol !== "file:" && parsed.host === "") throw invalidChannel(text, "the URL has no host");
  const user = parsed.username + (parsed.password === "" ? "" : `:${parsed.password}`);
  const path = trimTrailingSlashes(parsed.pathname);
  return `${parsed.protocol}//${user === "" ? "" : `${user}@`}${parsed.host}${path || (parsed.protocol === "file:" ? "/" : "")}${parsed.search}`;
}

/** `channel_alias: repo.corp/conda` without a scheme is meant as https, as conda reads it. */
export function withScheme(url: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `https://${url}`;
}

/** An absolute `file:` URL; `C:\x`, `\\server\share` and `~/x` understood on every system. */
export function pathToFileUrl(path: string, context: { home: string; cwd: string }): string {
  const slashed = path.replaceAll("\\", "/");
  if (slashed.startsWith("//") && path.startsWith("\\")) return `file:${encodePath(slashed)}`;
  const absolute = /^[a-z]:(?:\/|$)/i.test(slashed)
    ? `/${slashed}`
    : slashed.startsWith("/")
      ? slashed
      : /^~(?:\/|$)/.test(slashed)
        ? rooted(context.home) + slashed.slice(1)
        : `${rooted(context.cwd)}/${slashed}`;
  const components: string[] = [];
  for (const part of absolute.split("/")) {
    if (part === "..") components.pop();
    else if (part !== "" && part !== ".") components.push(part);
  }
  return `file:///${encodePath(components.join("/"))}`;
}

function rooted(directory: string): string {
  const slashed = directory.replaceAll("\\", "/");
  return slashed.startsWith("/") ? slashed : `/${slashed}`;
}

function encodePath(path: string): string {
  return path
    .split("/")
    .map((part) =>
      encodeURIComponent(part).replace(/%(3A|40|2B|2C|3D|26|24|3B)/g, (code) => decodeURIComponent(code)),
    )
    .join("/");
}
