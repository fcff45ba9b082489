import { join } from "node:path";
import type { SecureContext } from "node:tls";
import { ToolError } from "../errors.ts";
import { type EventSink, ignoreEvents } from "../events.ts";
import { listDir, pathKind, readBytes, readText, realPath } from "../fs/files.ts";

export interface TlsSettings {
  sslVerify?: boolean | string | undefined;
  clientCert?: string | undefined;
  clientKey?: string | undefined;
}

/** How connections of Node's own clients are made: certificates are parsed once, not for each of them. */
export interface TlsContext {
  secureContext: SecureContext;
  rejectUnauthorized?: false;
}

export interface TlsMaterial {
  rejectUnauthorized?: false;
  ca?: string[];
  cert?: Buffer;
  key?: Buffer;
}

export function createTlsContext({ rejectUnauthorized, ...material }: TlsMaterial): TlsContext {
  return {
    secureContext: nodeTls().createSecureContext(material),
    ...(rejectUnauthorized === false ? { rejectUnauthorized } : {}),
  };
}

/** Loaded when there is something to encrypt (4 to 15 ms). */
const nodeTls = (): typeof import("node:tls") => process.getBuiltinModule("node:tls");

/** Node 22.15 and later tell which certificates they have. */
type NodeTls = typeof import("node:tls") & { getCACertificates?: (kind: "system" | "default") => string[] };

/** Where distributions keep the system's roots, for Node versions that cannot ask the system themselves. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Reads what `ssl_verify`, `client_ssl_cert` and `client_ssl_cert_key` name, once, before the first connection. */
export async function loadTls(settings: TlsSettings, events: EventSink): Promise<TlsMaterial> {
  const material: TlsMaterial = {};
  const verify = settings.sslVerify ?? true;
  if (verify === false || verify === "<false>") {
    material.rejectUnauthorized = false;
    events({
      type: "warning",
      code: "tls-unverified",
      message: "TLS certificates are not verified (`ssl_verify` is false)",
      hint: "set `ssl_verify` to your CA bundle instead",
    });
  } else if (isSystem(verify)) material.ca = await systemRoots(events);
  else if (typeof verify === "string" && verify !== "" && verify !== "<true>")
    material.ca = await readRoots(verify);
  if (settings.clientCert) {
    material.cert = await requireFile(settings.clientCert, "client_ssl_cert");
    // One PEM file may hold both, as in conda.
    material.key = settings.clientKey
      ? await requireFile(settings.clientKey, "client_ssl_cert_key")
      : material.cert;
  }
  return material;
}

/** Which certificates connections are checked against. */
export interface TlsRoots {
  /** `node`: those that Node.js has; `system`; `none`: connections are not checked; else the path that they were read from. */
  from: string;
  count: number;
}

/** The roots in effect. Throws `config-invalid` where what the settings name is not there. */
export async function tlsRoots(settings: TlsSettings): Promise<TlsRoots> {
  const { ca, rejectUnauthorized } = await loadTls(settings, ignoreEvents);
  if (rejectUnauthorized === false) return { from: "none", count: 0 };
  if (ca)
    return {
      from: isSystem(settings.sslVerify) ? "system" : String(settings.sslVerify),
      count: countCertificates(ca),
    };
  // NODE_EXTRA_CA_CERTS and --use-system-ca count, where Node tells of them.
  const { getCACertificates, rootCertificates } = nodeTls() as NodeTls;
  return { from: "node", count: (getCACertificates?.("default") ?? rootCertificates).length };
}

const isSystem = (verify: TlsSettings["sslVerify"]): boolean =>
  verify === "<system>" || verify === "truststore";

const countCertificates = (pems: readonly string[]): number =>
  pems.reduce((sum, pem) => sum + pem.split("BEGIN CERTIFICATE").length - 1, 0);

async function requireFile(path: string, key: string): Promise<Buffer> {
  const bytes = await readBytes(path);
  if (!bytes) throw new ToolError("config-invalid", `\`${key}\` names \`${path}\`, which does not exist`);
  return bytes;
}

async function readRoots(path: string): Promise<string[]> {
  const kind = await pathKind(realPath(path));
  if (kind === "directory") {
    const texts = await Promise.all(
      (await listDir(path))
        .filter((name) => /\.(pem|crt|cer)$|^[0-9a-f]{8}\.\d+$/.test(name))
        .map((name) => readText(join(path, name))),
    );
    const roots = texts.filter((text): text is string => !!text?.includes("BEGIN CERTIFICATE"));
    if (roots.length > 0) return roots;
  }
  const text = kind === "file" ? await readText(path) : undefined;
  if (text?.includes("BEGIN ")) return [text];
  throw new ToolError("config-invalid", `\`ssl_verify\` names \`${path}\`, which holds no certificates`, {
    hint: "give a PEM file or a directory of them, `<system>`, or true",
  });
}

async function systemRoots(events: EventSink): Promise<string[]> {
  const ask = (nodeTls() as NodeTls).getCACertificates;
  const roots = ask?.("system") ?? [];
  if (roots.length > 0) return roots;
  for (const path of SYSTEM_BUNDLES) {
    const text = await readText(path).catch(() => undefined);
    if (text?.includes("BEGIN CERTIFICATE")) return [text];
  }
  events({
    type: "warning",
    code: "tls-no-system-roots",
    message: "no system certificates were found; Node's built-in roots are used",
    hint: "set `ssl_verify` to a PEM file",
  });
  return [...nodeTls().rootCertificates];
}
