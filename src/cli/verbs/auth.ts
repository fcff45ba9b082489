import { text as readStream } from "node:stream/consumers";
import { login, logins, logout } from "../../commands/auth.ts";
import { ToolError } from "../../errors.ts";
import { plural } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";

/** `auth login`, `auth logout` and `auth list`. No output ever holds a secret. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  if (invocation.path.at(-1) === "list") return runList(session);
  return invocation.path.at(-1) === "login" ? runLogin(invocation, session) : runLogout(invocation, session);
}

async function runLogin(invocation: Invocation, session: Session): Promise<number> {
  const [host] = invocation.args;
  if (host === undefined)
    throw new ToolError("usage", "there is no host to log in to", {
      hint: "such as `auth login repo.example.com --token-stdin`",
    });
  const piped = (["password", "token", "bearer"] as const).filter((kind) => flag(invocation, `${kind}Stdin`));
  if (piped.length > 1)
    throw new ToolError(
      "usage",
      "standard input holds one secret: give one of --password-stdin, --token-stdin, --bearer-stdin",
    );
  const secret = piped[0] && (await readStream(process.stdin)).replace(/\r?\n$/, "");
  const given = (kind: "password" | "token" | "bearer") =>
    piped[0] === kind ? secret : text(invocation, kind);
  const key = await login(
    {
      host,
      username: text(invocation, "username"),
      password: given("password"),
      token: given("token"),
      bearer: given("bearer"),
    },
    session.context,
  );
  if (session.json) session.printJson({ success: true, host: key });
  else session.say(`Stored the login for ${key}`);
  return EXIT.ok;
}

async function runLogout(invocation: Invocation, session: Session): Promise<number> {
  const [host] = invocation.args;
  const all = flag(invocation, "all");
  if ((host === undefined) === !all) {
    throw new ToolError(
      "usage",
      all ? "a host and --all exclude each other" : "there is no host to log out from",
      { hint: "name the host, or use --all" },
    );
  }
  const gone = await logout(host, session.context);
  if (session.json) session.printJson({ success: true, hosts: gone });
  else
    session.say(
      gone.length === 0
        ? "There was no login to forget."
        : `Forgot ${plural(gone.length, "login")}: ${gone.join(", ")}`,
    );
  return EXIT.ok;
}

async function runList(session: Session): Promise<number> {
  const found = await logins(session.context);
  if (session.json) session.printJson({ success: true, logins: found });
  else if (found.length === 0) session.say("There is no login.");
  else {
    const titles = [{ title: "Host" }, { title: "Kind" }, { title: "Stored in" }];
    const rows = found.map(({ host, kind, source }) => [host, kind, source]);
    session.print(renderTable(titles, rows).join("\n"));
  }
  return EXIT.ok;
}
