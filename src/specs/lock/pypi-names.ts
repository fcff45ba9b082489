import { ToolError } from "../../errors.ts";
import { isJsonObject, objectOf, parseJson } from "../../util/json.ts";
import { YamlDocument } from "../yaml-document.ts";
import { pypiName } from "./pip-report.ts";

/** The python distribution that a conda package is; null for one that is none. */
export type PypiNames = ReadonlyMap<string, string | null>;

/** Conda packages with a python distribution of another name; most have the same. */
const USUAL: Readonly<Record<string, string>> = {
  "dask-core": "dask",
  "docker-py": "docker",
  "matplotlib-base": "matplotlib",
  "msgpack-python": "msgpack",
  "pyarrow-core": "pyarrow",
  pytables: "tables",
  "python-graphviz": "graphviz",
  pytorch: "torch",
  "seaborn-base": "seaborn",
};

/** What is known without a file. */
export const USUAL_PYPI_NAMES: PypiNames = new Map(Object.entries(USUAL));

/**
 * Reads a mapping of names, JSON or YAML, over the usual ones: from conda's names to PyPI's as pixi's `conda-pypi-map`
 * has them (null: no distribution), or from PyPI's to maps with `conda_name` and perhaps `pypi_name`, as conda-lock's look-up file
 * and grayskull's have. Throws `config-invalid`.
 */
export function parsePypiNames(text: string, fileName: string): PypiNames {
  const root = parseJson(text) ?? yamlOf(text, fileName);
  if (!isJsonObject(root))
    throw new ToolError("config-invalid", `\`${fileName}\` is no mapping of conda's names to PyPI's`);
  const names = new Map(USUAL_PYPI_NAMES);
  for (const [key, value] of Object.entries(root)) {
    const item = objectOf(value);
    const conda = item ? item["conda_name"] : key;
    const pypi = item ? (item["pypi_name"] ?? key) : value;
    if (typeof conda !== "string" || (typeof pypi !== "string" && pypi !== null))
      throw new ToolError("config-invalid", `\`${fileName}\` says nothing of use about \`${key}\``, {
        hint: "a value is PyPI's name, null, or a map with `conda_name`",
      });
    names.set(conda.toLowerCase(), pypi === null ? null : pypiName(pypi));
  }
  return names;
}

function yamlOf(text: string, fileName: string): unknown {
  const yaml = YamlDocument.parse(text, fileName, "config-invalid");
  return yaml.plain(yaml.root);
}
