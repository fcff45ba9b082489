/** taipan as a library. Everything exported here is public. */

export * from "./errors.ts";
export * from "./events.ts";
export * from "./solve/build-request.ts";
export { solve } from "./solve/solve.ts";
export type * from "./solve/types.ts";
export * from "./specs/channel.ts";
export * from "./specs/channel-config.ts";
export * from "./specs/channel-match.ts";
export * from "./specs/channel-relations.ts";
export * from "./specs/credentials.ts";
export * from "./specs/environment-file.ts";
export * from "./specs/export/index.ts";
export * from "./specs/lock/index.ts";
export * from "./specs/match-spec.ts";
export * from "./specs/match-spec-condition.ts";
export * from "./specs/names.ts";
export * from "./specs/package-index.ts";
export * from "./specs/package-url.ts";
export * from "./specs/platform.ts";
export * from "./specs/records.ts";
export * from "./specs/spec-file.ts";
export * from "./specs/string-matcher.ts";
export * from "./specs/version.ts";
export * from "./specs/version-edit.ts";
export * from "./specs/version-spec.ts";
