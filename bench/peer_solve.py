"""Solves requests with py-rattler over repodata files: peer_solve.py REPODATA_DIR CHANNEL < requests.json > answers.json

stdin: {"subdirs": [...], "virtual": ["__glibc=2.36=0"], "requests": [["python", "numpy"], ...], "repeat": 3, "timeout": seconds}
stdout: [{"ms": 12.3, "records": ["numpy-2.0-0", ...]} | {"ms": 1.2, "error": "..."}]
Each time is the best of three: it includes reading the records that the solve reaches from the mapped file, which is what
the library offers; nothing else is loaded per solve.
"""

import asyncio
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from rattler import BuildString, Channel, GenericVirtualPackage, PackageName, SparseRepoData, Version, solve_with_sparse_repodata


async def main() -> None:
    directory, name = Path(sys.argv[1]), sys.argv[2]
    job = json.load(sys.stdin)
    channel = Channel(name)
    sparse = [SparseRepoData(channel, subdir, directory / subdir / "repodata.json") for subdir in job["subdirs"]]
    virtual = []
    for text in job["virtual"]:
        package, version, build = text.split("=")
        virtual.append(GenericVirtualPackage(PackageName(package), Version(version), BuildString(build)))
    timeout = timedelta(seconds=job["timeout"]) if "timeout" in job else None
    answers = []
    for specs in job["requests"]:
        best, answer = None, {}
        for _ in range(job.get("repeat", 3)):
            start = time.perf_counter()
            try:
                records = await solve_with_sparse_repodata(specs, sparse, virtual_packages=virtual, timeout=timeout)
                answer = {"records": [f"{r.name.normalized}-{r.version}-{r.build}" for r in records]}
            except Exception as error:  # noqa: BLE001 - every failure is an answer
                answer = {"error": str(error)[:200]}
            elapsed = (time.perf_counter() - start) * 1000
            best = elapsed if best is None else min(best, elapsed)
        answers.append({"ms": best, **answer})
    json.dump(answers, sys.stdout)
    sys.stdout.flush()
    # The library's threads may crash the interpreter while it shuts down.
    os._exit(0)


asyncio.run(main())
