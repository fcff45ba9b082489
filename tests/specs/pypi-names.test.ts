import { expect, it } from "vitest";
import { parsePypiNames } from "../../src/specs/lock/pypi-names.ts";

it("reads the mapping of pixi and the look-up file of conda-lock over the usual names", () => {
  const pixi = parsePypiNames('{"pytorch": "Torch_CPU", "jupyter-book": null}', "map.json");
  expect([pixi.get("pytorch"), pixi.get("jupyter-book"), pixi.get("dask-core")]).toEqual([
    "torch-cpu",
    null,
    "dask",
  ]);
  const lookup = parsePypiNames(
    "graphviz:\n  conda_name: python-graphviz2\n  import_name: graphviz\nPyQt5:\n  conda_name: pyqt\n  pypi_name: pyqt5\n",
    "lookup.yaml",
  );
  expect([lookup.get("python-graphviz2"), lookup.get("pyqt")]).toEqual(["graphviz", "pyqt5"]);
});

it("names the file and the key of a mapping that is none", () => {
  expect(() => parsePypiNames("[1]", "a.json")).toThrow("`a.json` is no mapping");
  expect(() => parsePypiNames('{"x": 1}', "a.json")).toThrow("`a.json` says nothing of use about `x`");
  expect(() => parsePypiNames("a: [", "a.yaml")).toThrow("`a.yaml`, line 1");
});
