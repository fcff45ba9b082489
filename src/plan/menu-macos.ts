/** Menu items on macOS: application bundles (Apple, "Bundle Programming Guide", "Information Property List Key Reference"). */

import { quotePosix } from "../util/format.ts";
import { isJsonObject } from "../util/json.ts";
import { compileApplet, eventApplet } from "./apple-events.ts";
import {
  fileName,
  type Json,
  type MenuCommand,
  type MenuContext,
  type MenuFile,
  type MenuItem,
  type MenuPlan,
  shellActivation,
  slug,
} from "./menu-item.ts";
import { prefixPathProblem } from "./prefix-path.ts";

/** Keys of Info.plist that a package may set. */
const KEYS = [
  "CFBundleDisplayName",
  "CFBundleIdentifier",
  "CFBundleName",
  "CFBundleSpokenName",
  "CFBundleVersion",
  "CFBundleURLTypes",
  "CFBundleDocumentTypes",
  "LSApplicationCategoryType",
  "LSBackgroundOnly",
  "LSEnvironment",
  "LSMinimumSystemVersion",
  "LSMultipleInstancesProhibited",
  "LSRequiresNativeExecution",
  "NSSupportsAutomaticGraphicsSwitching",
  "UTExportedTypeDeclarations",
  "UTImportedTypeDeclarations",
] as const;

const LSREGISTER =
  "/System/Library/Frameworks/CoreServices.framework/Frameworks/LaunchServices.framework/Support/lsregister";

export const bundlePath = (context: MenuContext, name: string): string =>
  `${context.folders.applications}/${fileName(name)}.app`;

/** In Contents/Resources of a bundle whose item has an `event_handler`. */
const HANDLER = "handle-event";

/**
 * A bundle whose program is a script or, with an `event_handler`, one that only receives Apple events: the application itself is a
 * bundle inside of it then, as in menuinst.
 */
export function macosPlan(item: MenuItem, context: MenuContext): MenuPlan {
  const bundle = bundlePath(context, item.name);
  const contents = `${bundle}/Contents`;
  const program = slug(item.name);
  const handler = item.text("event_handler");
  const application = handler === undefined ? bundle : `${contents}/Resources/${baseName(bundle)}`;
  const info = infoOf(item, program);
  const files = [
    ...bundleFiles(bundle, handler === undefined ? info : receiverInfo(info, item, program), item),
    // A script is as good a program of a bundle as a binary.
    { path: `${application}/Contents/MacOS/${program}`, content: scriptOf(item, context), mode: 0o755 },
    ...linksInto(bundle, item),
  ];
  const applet = `${contents}/Resources/${HANDLER}.applescript`;
  if (handler !== undefined) {
    files.push(
      ...bundleFiles(application, innerInfo(info, program), item),
      { path: `${contents}/Resources/${HANDLER}`, content: `#!/bin/bash\n${handler}\n`, mode: 0o755 },
      { path: applet, content: eventApplet(baseName(bundle), HANDLER), mode: 0o644 },
    );
  }
  const entitlements = entitlementsOf(item, contents);
  if (entitlements) files.push(entitlements);
  // Launch Services finds out by itself, but later.
  const registered = item.value("CFBundleURLTypes") ?? item.value("CFBundleDocumentTypes") ?? handler;
  const afterCreate: MenuCommand[] = [];
  if (handler !== undefined) afterCreate.push({ command: compileApplet(applet, contents, program) });
  // A compiled program must be signed, or nothing starts it; what osacompile signed was another bundle.
  if (entitlements || handler !== undefined)
    afterCreate.push({ command: codesign(bundle, program, entitlements?.path) });
  if (registered) afterCreate.push({ command: [LSREGISTER, "-R", bundle] });
  return {
    files,
    precreate: item.text("precreate"),
    afterCreate,
    remove: [bundle],
    removeIfEmpty: [],
    afterRemove: registered ? [{ command: [LSREGISTER, "-u", bundle] }] : [],
    proof: `${application}/Contents/MacOS/${program}`,
  };
}

/** The file that grants what the item asks for. */
function entitlementsOf(item: MenuItem, contents: string): MenuFile | undefined {
  const keys = item.list("entitlements").filter((key) => /^[a-z0-9.-]+$/i.test(key));
  if (keys.length === 0) return undefined;
  const granted = Object.fromEntries(keys.map((key) => [key, true]));
  return { path: `${contents}/Entitlements.plist`, content: propertyList(granted), mode: 0o644 };
}

function codesign(bundle: string, program: string, entitlements: string | undefined): string[] {
  const hardened = ["--prefix", `com.${program}`, "--options", "runtime", "--entitlements"];
  const words = entitlements === undefined ? [] : [...hardened, entitlements];
  return ["/usr/bin/codesign", "--sign", "-", ...words, "--force", "--deep", bundle];
}

function bundleFiles(bundle: string, info: Json, item: MenuItem): MenuFile[] {
  const icon = item.text("icon");
  const contents = `${bundle}/Contents`;
  return [
    {
      path: `${contents}/PkgInfo`,
      content: `APPL${String(info["CFBundleExecutable"]).slice(0, 8)}`,
      mode: 0o644,
    },
    { path: `${contents}/Info.plist`, content: propertyList(info), mode: 0o644 },
    ...(icon ? [{ path: `${contents}/Resources/${baseName(icon)}`, copyOf: icon }] : []),
  ];
}

/** Of the bundle that receives events: it has no window, and another identifier than the application. */
const receiverInfo = (info: Json, item: MenuItem, program: string): Json => ({
  ...info,
  LSBackgroundOnly: true,
  CFBundleIdentifier: item.text("CFBundleIdentifier") ?? `com.${program}-events`,
});

/** Of the application inside of such a bundle: what is opened must not come to it. */
function innerInfo(info: Json, program: string): Json {
  const inner: Json = { ...info, CFBundleIdentifier: `com.${program}` };
  for (const key of ["CFBundleURLTypes", "CFBundleDocumentTypes"]) delete inner[key];
  for (const key of ["UTExportedTypeDeclarations", "UTImportedTypeDeclarations"]) delete inner[key];
  return inner;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function infoOf(item: MenuItem, program: string): Json {
  const icon = item.text("icon");
  const version = item.text("CFBundleVersion") ?? "1.0.0";
  const info: Json = {
    CFBundleName: program.slice(0, 16),
    CFBundleDisplayName: item.name,
    CFBundleExecutable: program,
    CFBundleGetInfoString: `${program}-${version}`,
    CFBundleIdentifier: `com.${program}`,
    CFBundlePackageType: "APPL",
    CFBundleVersion: version,
    CFBundleShortVersionString: version,
  };
  if (icon) info["CFBundleIconFile"] = baseName(icon);
  for (const key of KEYS) {
    const value = item.value(key);
    if (value !== undefined && value !== null) info[key] = rendered(value, item);
  }
  return info;
}

function rendered(value: unknown, item: MenuItem): unknown {
  if (typeof value === "string") return item.render(value);
  if (Array.isArray(value)) return value.map((part) => rendered(part, item));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, rendered(part, item)]));
}

/** `link_in_bundle`: symlinks at relative paths inside the bundle; others are left out. */
function linksInto(bundle: string, item: MenuItem): MenuFile[] {
  const links = item.value("link_in_bundle");
  if (!isJsonObject(links)) return [];
  return Object.entries(links).flatMap(([source, target]) => {
    if (typeof target !== "string") return [];
    const path = item.render(target).replace(/^\.\//, "");
    if (prefixPathProblem(path) !== undefined) return [];
    return [{ path: `${bundle}/${path}`, linkTo: item.render(source) }];
  });
}

function scriptOf(item: MenuItem, context: MenuContext): string {
  const lines = ["#!/bin/sh"];
  if (item.value("terminal") === true)
    lines.push(
      `if [ "\${__CFBundleIdentifier:-}" != "com.apple.Terminal" ]; then`,
      `    exec open -b com.apple.terminal "$0"`,
      "fi",
    );
  const directory = item.text("working_dir");
  if (directory) lines.push(`mkdir -p ${quotePosix(directory)} && cd ${quotePosix(directory)}`);
  lines.push(...shellActivation(item, context.prefix));
  lines.push(`exec ${item.command.map(quotePosix).join(" ")}`);
  return `${lines.join("\n")}\n`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
/** What XML 1.0 cannot hold, not even escaped: control characters and halves of a surrogate pair. */
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu;
const escapeXml = (text: string): string => text.replace(NOT_XML, "").replace(/[&<>]/g, (c) => ENTITIES[c]!);

/** An XML property list. What has no place in one is left out. */
export function propertyList(value: Json): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    ...(element(value, "") ?? []),
    "</plist>",
    "",
  ].join("\n");
}

function element(value: unknown, indent: string): string[] | undefined {
  const inner = `${indent}\t`;
  if (typeof value === "string") return [`${indent}<string>${escapeXml(value)}</string>`];
  if (typeof value === "boolean") return [`${indent}<${value}/>`];
  if (typeof value === "number" && Number.isFinite(value))
    return [
      `${indent}<${Number.isInteger(value) ? "integer" : "real"}>${value}</${Number.isInteger(value) ? "integer" : "real"}>`,
    ];
  if (Array.isArray(value))
    return [`${indent}<array>`, ...value.flatMap((item) => element(item, inner) ?? []), `${indent}</array>`];
  if (!isJsonObject(value)) return undefined;
  const entries = Object.keys(value)
    .sort()
    .flatMap((key) => {
      const lines = element(value[key], inner);
      return lines ? [`${inner}<key>${escapeXml(key)}</key>`, ...lines] : [];
    });
  return [`${indent}<dict>`, ...entries, `${indent}</dict>`];
}
