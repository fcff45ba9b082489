import type { PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type { DependencyReader } from "./message-outlines.ts";
import { ShardedIndex } from "./sharded-index.ts";
import type { VettedTexts } from "./vetted-texts.ts";

/** The package name that a dependency string starts with, in lower case; undefined for virtual packages and globs. */
export function dependencyName(dependency: string): string | undefined {
  const name = /^\s*(?:[^\s[=<>!~]*::)?([A-Za-z0-9_.-]+)(?![\w.*-])/.exec(dependency)?.[1];
  return name === undefined || name.startsWith("__") ? undefined : name.toLowerCase();
}

/**
 * Brings in everything that a set of names can reach, over all indexes: each name is asked of every index, and what its
 * records depend on is asked for as soon as they are there, while other shards are still in flight (CEP 16).
 */
export class Closure {
  readonly #indexes: PackageIndex[] = [];
  readonly #wanted = new Set<string>();
  /** Dependency strings that were looked at: real records repeat a few thousand of them. */
  readonly #seen = new Set<string>();
  /** The same by the id that their text has. */
  #seenIds = new Uint8Array(1 << 12);
  readonly #texts: VettedTexts | undefined;
  readonly #dependencies: DependencyReader | undefined;
  #sharded = false;
  #pending = 0;
  #failure: { error: unknown } | undefined;
  #waiters: (() => void)[] = [];

  /** `texts` are those of the indexes; without them, what records depend on is not followed. */
  constructor(texts?: VettedTexts) {
    this.#texts = texts;
    if (!texts) return;
    this.#dependencies = {
      text: (bytes, start, end) => this.#followText(texts, bytes, start, end),
      list: (dependencies) => this.#followList(dependencies),
    };
  }

  /** An index that joins later is asked for all that was wanted so far. */
  add(index: PackageIndex): void {
    this.#indexes.push(index);
    if (index instanceof ShardedIndex && !this.#sharded) {
      this.#sharded = true;
      // Nothing had to be read before: flat indexes are read by the solver itself when all are flat.
      for (const name of [...this.#wanted]) for (const known of this.#indexes) this.#ask(known, name);
    } else if (this.#sharded) for (const name of [...this.#wanted]) this.#ask(index, name);
  }

  want(name: string): void {
    if (this.#wanted.has(name)) return;
    this.#wanted.add(name);
    if (this.#sharded) for (const index of this.#indexes) this.#ask(index, name);
  }

  #ask(index: PackageIndex, name: string): void {
    if (this.#failure || !index.has(name)) return;
    if (!(index instanceof ShardedIndex)) {
      if (this.#texts) this.#follow(index.records(name));
      return;
    }
    this.#pending++;
    index
      .limit(() => (this.#failure ? undefined : index.fetch(name, this.#dependencies)))
      .catch((error) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        if (--this.#pending > 0) return;
        for (const wake of this.#waiters.splice(0)) wake();
      });
  }

  #follow(records: readonly RepoDataRecord[]): void {
    for (const record of records) {
      this.#followList(record.depends);
      if (record.extra_depends)
        for (const list of Object.values(record.extra_depends)) this.#followList(list);
    }
  }

  #followText(texts: VettedTexts, bytes: Buffer, start: number, end: number): void {
    const id = texts.interner.id(bytes, start, end);
    if (id < 0) {
      this.#followList([bytes.toString("utf8", start, end)]);
      return;
    }
    if (id >= this.#seenIds.length) {
      const larger = new Uint8Array(id * 2);
      larger.set(this.#seenIds);
      this.#seenIds = larger;
    }
    if (this.#seenIds[id] === 1) return;
    this.#seenIds[id] = 1;
    this.#followList([texts.interner.text(id)]);
  }

  #followList(dependencies: readonly string[]): void {
    for (const dependency of dependencies) {
      if (this.#seen.has(dependency)) continue;
      this.#seen.add(dependency);
      const name = dependencyName(dependency);
      if (name !== undefined) this.want(name);
    }
  }

  /** Resolves when nothing is in flight; rejects with the first failure. */
  async settled(): Promise<void> {
    while (this.#pending > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    if (this.#failure) throw this.#failure.error;
  }
}
