import { CHECKS, doctor, type HealthCheck } from "../../commands/doctor.ts";
import type { NetworkReport } from "../../commands/doctor-network.ts";
import type { TlsRoots } from "../../net/tls.ts";
import { nameOfDist } from "../../specs/records.ts";
import { plural } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";
import { printable } from "../terminal.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  if (flag(invocation, "list")) {
    if (session.json) session.printJson(CHECKS);
    else
      session.print(
        renderTable([{ title: "Check" }, { title: "Looks for" }], Object.entries(CHECKS), {
          available: session.out.columns(),
          dispensable: [],
        }).join("\n"),
      );
    return EXIT.ok;
  }
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const { prefix, checks, network } = await doctor(
    { target, fix: flag(invocation, "fix"), network: flag(invocation, "network") },
    session.context,
  );
  session.settle();
  const healthy = checks.every(({ status, fixed }) => status !== "error" || fixed);
  if (session.json) session.printJson({ success: healthy, prefix: prefix ?? null, checks, network });
  else {
    if (prefix !== undefined) session.say(`Environment: ${prefix}\n`);
    const lines = invocation.name === "conda" ? describeAsConda : describe;
    session.print(checks.flatMap((check) => lines(check, session)).join("\n"));
    if (network) session.print(["", ...describeNetwork(network, session)].join("\n"));
  }
  // conda reports; only its caller judges.
  return healthy || invocation.name === "conda" ? EXIT.ok : EXIT.failure;
}

const MOST_DETAILS = 20;

function describe({ status, message, details, fixed }: HealthCheck, session: Session): string[] {
  const { colors, unicode } = session.out;
  const [good, bad, careful] = unicode ? ["✔", "✘", "!"] : ["ok", "x", "!"];
  if (status === "ok") return [`${colors.green(good)} ${message}`];
  const mark = status === "error" ? colors.red(bad) : colors.yellow(careful);
  const shown = session.verbosity > 0 ? details : details.slice(0, MOST_DETAILS);
  const more =
    details.length > shown.length ? [`    ... and ${details.length - shown.length} more (-v shows all)`] : [];
  return [
    `${mark} ${message}${fixed ? ` ${colors.green("(mended)")}` : ""}`,
    ...shown.map((line) => `    ${printable(line)}`),
    ...more,
  ];
}

function describeNetwork({ tls, channels }: NetworkReport, session: Session): string[] {
  const titles = ["Channel", "Answers", "Time", "Proxy", "Login"].map((title) => ({ title }));
  const rows = channels.map(({ url, error, seconds, proxy, login }) => [
    url,
    error === null ? "yes" : "no",
    `${Math.round(seconds * 1000)} ms`,
    proxy ?? "none",
    login ?? "none",
  ]);
  const certificate = tls.client_certificate === null ? "" : `, client certificate ${tls.client_certificate}`;
  const roots = tls.roots === null ? "cannot be read" : describeRoots(tls.roots);
  return [
    ...renderTable(titles, rows, { available: session.out.columns(), dispensable: [] }),
    "",
    printable(`  TLS roots: ${roots}${certificate}`),
  ];
}

function describeRoots({ from, count }: TlsRoots): string {
  if (from === "none") return "certificates are NOT verified (`ssl_verify` is false)";
  const places: Record<string, string> = { node: "those of Node.js", system: "those of the system" };
  return `${Object.hasOwn(places, from) ? places[from] : from} (${plural(count, "certificate")})`;
}

/** conda's sentences, good and bad, of the checks that it has. */
const SENTENCES: Partial<Record<HealthCheck["name"], readonly [good: string, bad: string]>> = {
  "missing-files": ["There are no packages with missing files.", "Missing Files:"],
  "altered-files": ["There are no packages with altered files.", "Altered Files:"],
  consistency: ["The environment is consistent.", "The environment is not consistent."],
  "environment-txt": [
    "The environment is listed in the environments.txt file.",
    "The environment is not listed in the environments.txt file.",
  ],
};

/** Of files, conda counts those of each package; with --verbose it names them. */
function describeAsConda(check: HealthCheck, session: Session): string[] {
  const { name, status, message, details, fixed } = check;
  const [good, bad] = SENTENCES[name] ?? [message, message];
  const marks = session.out.unicode
    ? { ok: "\u2705", warning: "\u274c", error: "\u274c" }
    : { ok: "+", warning: "!", error: "x" };
  const ofFiles = name === "missing-files" || name === "altered-files";
  const shown = ofFiles && session.verbosity === 0 ? countByPackage(details) : details;
  return [
    `${marks[status]} ${status === "ok" ? good : bad}${fixed ? " (mended)" : ""}`,
    ...(shown.length > 0 ? ["", ...shown.map(printable), ""] : []),
  ];
}

/** `name-version-build: path` lines as `name: count`. */
function countByPackage(lines: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const name = nameOfDist(line.slice(0, line.indexOf(": ")));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${name}: ${count}`);
}
