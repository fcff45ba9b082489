import type { Condition, NameId, SolvableId, VersionSetId } from "../../solver/index.ts";
import type { MatchSpec } from "../specs/match-spec.ts";

/** A set of records: those that a spec matches, or those of a list. */
export type VersionSet =
  | {
      readonly kind: "spec";
      readonly text: string;
      readonly spec: MatchSpec;
      readonly names: readonly NameId[];
    }
  | {
      readonly kind: "records";
      readonly text: string;
      readonly names: readonly NameId[];
      readonly members: readonly SolvableId[];
    };

/** A dependency string, understood: what it asks for and when. */
export interface ParsedDependency {
  readonly versionSet: VersionSetId;
  /** Alternatives, each a list of conditions that must all hold; undefined when there are none. */
  readonly when: readonly (readonly Condition[])[] | undefined;
  readonly extras: readonly string[];
}
