import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { namedExecutables, runClient } from "../support/clients.ts";

/** What Dockerfiles and CI services run, as they publish it, in a bash of their strictness. Only names of channels are ours. */
let sandbox: Sandbox;
let bin: string;

beforeEach(async () => {
  sandbox = createSandbox();
  bin = namedExecutables(sandbox);
  const directory = join(sandbox.dir, "channel");
  const program = (name: string, version: string, depends: string[] = []) =>
    buildPackage({
      name,
      version,
      noarch: "generic",
      depends,
      files: [
        {
          path: `bin/${name}`,
          content: `#!/bin/sh\necho ${name} ${version} "$CONDA_DEFAULT_ENV"\n`,
          mode: 0o755,
        },
      ],
    });
  await writeChannel(
    directory,
    [
      await program("python", "3.10.1"),
      await program("python", "3.11.4"),
      await program("conda", "24.1.0"),
      await program("notebook", "6.5", ["python >=3.10"]),
      await program("snakemake", "8.0", ["python >=3.11", "solver-lib"]),
      await program("solver-lib", "2.7"),
    ],
    { subdirs: ["linux-64"] },
  );
  const url = `file://${directory}`;
  // `conda-forge` and `bioconda` are this channel: the scripts stay as they are.
  writeFileSync(
    join(sandbox.home, ".mambarc"),
    `custom_channels:\n  conda-forge: file://${sandbox.dir}\n  bioconda: file://${sandbox.dir}\n`,
  );
  for (const name of ["conda-forge", "bioconda"]) {
    mkdirSync(join(sandbox.dir, name));
    await writeChannel(join(sandbox.dir, name), [], { subdirs: ["linux-64"] });
  }
  writeFileSync(join(sandbox.home, ".condarc"), `default_channels: ["${url}"]\nchannels: ["${url}"]\n`);
  writeFileSync(
    join(sandbox.dir, "environment.yml"),
    `name: from-file\nchannels:\n  - ${url}\n  - conda-forge\ndependencies:\n  - python=3.11\n  - notebook\n`,
  );
});
afterEach(() => sandbox.close());

/** Runs a script line by line, ending at the first that fails, and returns what it printed. */
function script(text: string, env: Record<string, string> = {}): string {
  const result = runClient(sandbox, bin, ["bash", "-eo", "pipefail", "-c", `set -x\n${text}`], { env });
  expect(result.code, `${result.stdout}\n${result.stderr}`).toBe(0);
  return result.stdout;
}

describe("scripts of others", () => {
  it("micromamba-docker: install into base, clean, activate in later lines", () => {
    const said = script(
      `mkdir -p "$MAMBA_ROOT_PREFIX/conda-meta"
       micromamba install -y -n base -f environment.yml
       micromamba clean --all --yes
       bash -c 'eval "$(micromamba shell hook --shell=bash)"; micromamba activate "\${ENV_NAME:-base}"; notebook'
       micromamba create --yes --name second --channel conda-forge python=3.10 && micromamba clean --all --yes
       micromamba run -n second python
       ENV_NAME=second bash -c 'eval "$(micromamba shell hook --shell=bash)"; micromamba activate "$ENV_NAME"; python'`,
      { MAMBA_DOCKERFILE_ACTIVATE: "1", MAMBA_USER: "mambauser" },
    );
    expect(said).toContain("notebook 6.5 base");
    expect(said.match(/python 3\.10\.1 second/g)).toHaveLength(2);
  });

  it("docker-stacks: a root prefix from micromamba, a pin from `mamba list`, later installs by mamba", () => {
    script(
      `mkdir -p "$CONDA_DIR"; cat "$HOME/.condarc" > "$CONDA_DIR/.condarc"
       micromamba install --root-prefix="$CONDA_DIR" --prefix="$CONDA_DIR" --yes 'conda' 'python<3.11'
       mamba list --full-name 'python' | awk 'END{sub("[^.]*$", "*", $2); print $1 " " $2}' >> "$CONDA_DIR/conda-meta/pinned"
       mamba clean --all -f -y
       mamba install --yes 'notebook'
       conda config --system --set auto_update_conda false
       conda config --system --set show_channel_urls true
       mamba update --all --quiet --yes
       mamba clean --all -f -y
       bash -c 'eval "$(conda shell.bash hook)" && conda activate && notebook'`,
      { CONDA_DIR: sandbox.root },
    );
    expect(readFileSync(join(sandbox.root, "conda-meta", "pinned"), "utf8")).toBe("python 3.10.*\n");
    expect(readFileSync(join(sandbox.root, ".condarc"), "utf8")).toContain("show_channel_urls: true");
    expect(script('mamba list --full-name "^python$"')).toMatch(/python +3\.10\.1/);
  });

  it("setup-miniconda: configuration by `conda config`, create, env update, lists", () => {
    const said = script(
      `conda --version; conda info --json > /dev/null
       conda config --add pkgs_dirs "$HOME/conda_pkgs_dir"
       conda config --set notify_outdated_conda false
       conda config --set always_yes true
       conda config --set changeps1 false
       conda config --set auto_update_conda false
       conda config --set auto_activate_base false
       conda config --set channel_priority strict
       conda config --set show_channel_urls true
       conda config --set solver libmamba
       conda config --add channels conda-forge
       conda config --show-sources; conda config --show > /dev/null
       conda create --quiet --name test python=3.10
       conda env update --name test --file environment.yml
       conda init bash
       conda info; conda list --name test`,
    );
    expect(said).toMatch(/notebook +6\.5/);
    expect(said).toMatch(/python +3\.11\.4/);
    expect(script('bash -ic "conda activate test && notebook" 2>/dev/null')).toContain("notebook 6.5 test");
  });

  it("Read the Docs: create, install what builders need, run", () => {
    const said = script(
      `mamba env create --quiet --name latest --file environment.yml
       mamba install --yes --quiet --name latest solver-lib
       conda create --yes --quiet --name plain python=3.11
       conda install --yes --quiet --name plain notebook
       conda run -n latest solver-lib
       conda list --name latest`,
    );
    expect(said).toContain("solver-lib 2.7 latest");
  });

  it("repo2docker: env update into a prefix that is there, by any of the names", () => {
    const said = script(
      `micromamba create -y --root-prefix "$MAMBA_ROOT_PREFIX" -p "$NB_PYTHON_PREFIX" -c defaults python=3.10
       conda config --system --set auto_update_conda false
       mamba env update -p "$NB_PYTHON_PREFIX" --file environment.yml
       mamba clean --all -f -y
       mamba list -p "$NB_PYTHON_PREFIX"
       rm -rf "$MAMBA_ROOT_PREFIX/pkgs"
       conda env export -p "$NB_PYTHON_PREFIX"
       conda env update -p "$NB_PYTHON_PREFIX" -f environment.yml --prune`,
      { NB_PYTHON_PREFIX: join(sandbox.root, "envs", "notebook") },
    );
    expect(said).toMatch(/notebook +6\.5/);
    expect(said).toContain("- python=3.11.4");
  });

  it("Snakemake's image and RAPIDS: --only-deps from two channels, -afy, --force", () => {
    const said = script(
      `mamba create -q -y -c conda-forge -c bioconda -c defaults -n snakemake 'snakemake>=8' --only-deps
       conda clean --all -y
       mamba env create -q --force -f environment.yml -n test
       mamba env create -q --force -f environment.yml -n test
       mamba clean -yaf && conda clean -afy && conda clean -tipsy -y
       conda list -n snakemake --show-channel-urls
       conda config --set ssl_verify true
       mamba update -y -n snakemake --all
       mamba run -n test --no-capture-output notebook
       conda run --live-stream -n test python
       conda env remove -n test -y; conda env list`,
    );
    expect(said).toMatch(/solver-lib +2\.7/);
    expect(said).not.toMatch(/^snakemake +8\.0/m);
    expect(said).toContain("notebook 6.5 test");
    expect(said.slice(said.indexOf("python 3.11.4 test"))).not.toMatch(/envs\/test$/m);
  });
});
