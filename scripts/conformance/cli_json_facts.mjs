// Statements about the peers' JSON that can be checked by running a command. Each check gets a sandbox with the recorded channel.
import { expectEqual, failed, passed } from "./support.mjs";

const PACKAGE_KEYS =
  "build build_number build_string channel constrains depends fn license md5 name sha256 size subdir timestamp track_features url version".split(
    " ",
  );

/** Two revisions of an environment of their own, made once. */
function environment({ state, json, channel }) {
  state.facts ??= (() => {
    const common = ["-n", "facts", "-c", channel, "--override-channels", "--json"];
    return {
      common,
      create: json("create", ...common, "app=1"),
      install: json("install", ...common, "app=2", "tool"),
      again: json("install", ...common, "tool"),
      dry: json("remove", ...common.slice(0, 2), "--json", "--dry-run", "tool"),
    };
  })();
  return state.facts;
}

function sameKeys(value, keys, what) {
  return expectEqual(Object.keys(value).sort(), [...keys].sort(), what);
}

function first(...results) {
  return results.find(({ status }) => status !== "passed") ?? passed;
}

export const FACT_CHECKS = {
  "clif-stdout-only": (tools) => {
    const { create, install, again, dry } = environment(tools);
    return first(
      ...[create, install, again, dry].map(({ rc, document }) =>
        expectEqual([rc, typeof document], [0, "object"]),
      ),
    );
  },
  // None of the commands here has --yes, and standard input is closed.
  "clif-no-prompt": (tools) => expectEqual(environment(tools).create.document.success, true),
  "clif-txn-mm": (tools) => {
    const { create, install, dry } = environment(tools);
    return first(
      sameKeys(create.document, ["actions", "dry_run", "prefix", "success"], "create"),
      sameKeys(create.document.actions, ["FETCH", "LINK", "PREFIX"], "create"),
      sameKeys(install.document.actions, ["FETCH", "LINK", "PREFIX", "UNLINK"], "install"),
      sameKeys(dry.document.actions, ["PREFIX", "UNLINK"], "remove --dry-run"),
      expectEqual(dry.document.dry_run, true),
      sameKeys(
        create.document.actions.LINK.find(({ name }) => name === "app"),
        PACKAGE_KEYS,
        "package",
      ),
      sameKeys(
        install.document.actions.LINK.find(({ name }) => name === "tool"),
        [...PACKAGE_KEYS, "noarch"],
        "noarch package",
      ),
    );
  },
  "clif-nochange-mm": (tools) => {
    const { document } = environment(tools).again;
    return expectEqual(document, {
      dry_run: false,
      message: "All requested packages already installed",
      prefix: document.prefix,
      success: true,
    });
  },
  "clif-unsat-conda": ({ json, channel }) => {
    const { rc, document } = json(
      "create",
      "-n",
      "no",
      "-c",
      channel,
      "--override-channels",
      "--json",
      "conf-a",
      "conf-b",
    );
    return first(
      expectEqual([rc, document.exception_name, document.success], [1, "UnsatisfiableError", false]),
      ...["error", "message", "caused_by"].map((key) => expectEqual(typeof document[key], "string", key)),
    );
  },
  "clif-notfound-conda": ({ json, channel }) => {
    const { rc, document } = json(
      "create",
      "-n",
      "no",
      "-c",
      channel,
      "--override-channels",
      "--json",
      "nosuchpkg",
    );
    return first(
      expectEqual([rc, document.packages], [1, ["nosuchpkg"]]),
      expectEqual(
        /^PackagesNotFound(InChannels)?Error$/.test(document.exception_name),
        true,
        document.exception_name,
      ),
      expectEqual(document.channel_urls.length > 0, true, "channel_urls"),
    );
  },
  "clif-list-revisions": (tools) => {
    environment(tools);
    const { document } = tools.json("list", "-n", "facts", "--revisions", "--json");
    return first(
      expectEqual(
        document.map(({ rev }) => rev),
        [0, 1],
      ),
      ...document.map((entry) =>
        expectEqual(
          [typeof entry.date, Array.isArray(entry.install), Array.isArray(entry.remove)],
          ["string", true, true],
        ),
      ),
    );
  },
  "clif-list-explicit": (tools) => {
    environment(tools);
    const plain = tools.taipan("list", "-n", "facts", "--explicit").stdout.split("\n");
    const urls = plain.slice(plain.indexOf("@EXPLICIT") + 1).filter(Boolean);
    const named = urls.map((url) => url.split("/").at(-1).split("-")[0]);
    const hashed = (option) =>
      tools
        .taipan("list", "-n", "facts", "--explicit", option)
        .stdout.split("\n")
        .filter((line) => line.startsWith("file:"))
        .every((line) => (option === "--md5" ? /#[0-9a-f]{32}$/ : /#(sha256:)?[0-9a-f]{64}$/).test(line));
    return first(
      expectEqual(plain.includes("@EXPLICIT"), true, "@EXPLICIT"),
      expectEqual(named, ["libx", "app", "tool"], "dependency order"),
      expectEqual([hashed("--md5"), hashed("--sha256")], [true, true], "hashes"),
    );
  },
  "clif-info-keys": ({ json }) => {
    const { document } = json("info", "--json");
    const wanted = [
      ...[
        "base environment",
        "channels",
        "env location",
        "environment",
        "envs directories",
        "package cache",
        "platform",
      ],
      ...["populated config files", "user config files", "virtual packages"],
      ...["conda_prefix", "root_prefix", "envs", "envs_dirs", "pkgs_dirs", "default_prefix", "conda_version"],
    ];
    const missing = wanted.filter((key) => !(key in document));
    if (missing.length) return failed(`info has no ${missing.join(", ")}`);
    return expectEqual(
      document["virtual packages"].every((text) => /^__[^=]+=[^=]*=[^=]*$/.test(text)),
      true,
      "virtual packages",
    );
  },
  "clif-search-mm": ({ json, channel }) => {
    const { document } = json("search", "app", "-c", channel, "--override-channels", "--json");
    return first(
      expectEqual(document.query, { query: "app", type: "search" }),
      sameKeys(document.result, ["msg", "pkgs", "status"], "result"),
      expectEqual(document.result.status, "OK"),
    );
  },
  "clif-search-order": ({ json, channel }) => {
    const { document } = json("search", "app", "-c", channel, "--override-channels", "--json");
    return expectEqual(
      document.result.pkgs.map(({ version, build }) => `${version}=${build}`),
      ["2.0=1", "2.0=0", "1.0=0"],
    );
  },
  "clif-clean-mm": ({ taipan, state }) => {
    const before = taipan("clean", "--all", "--dry-run", "--json");
    const again = taipan("clean", "--all", "--dry-run", "--json");
    void state;
    return first(
      expectEqual(before.rc, 0),
      expectEqual(before.stdout, again.stdout, "a dry run changes nothing"),
    );
  },
  "clif-error-conda": ({ json, taipan }) => {
    const { rc, document } = json("list", "-n", "nowhere", "--json");
    const missing = ["caused_by", "error", "exception_name", "exception_type", "message"].filter(
      (key) => !(key in document),
    );
    return first(
      expectEqual([rc, missing], [1, []]),
      expectEqual(taipan("create", "--no-such-option").rc, 2, "usage"),
    );
  },
  "clif-error-mm": ({ taipan }) => {
    const { rc, stdout, stderr } = taipan("list", "-n", "nowhere");
    return expectEqual([rc, stdout, stderr.startsWith("error: ")], [1, "", true]);
  },
  "clif-ts": (tools) => {
    const { create } = environment(tools);
    return expectEqual(
      create.document.actions.LINK.map(({ timestamp }) => timestamp),
      [1600000000, 1600000000],
    );
  },
};
