"""Loads a channel and solves with py-rattler: peer.py URL CACHE_DIR SHARDS(yes|no) SPEC..."""

import asyncio
import sys

from rattler import Channel, Gateway, Platform, SourceConfig, VirtualPackage, solve


async def main() -> None:
    url, cache, shards, *specs = sys.argv[1:]
    gateway = Gateway(cache_dir=cache, default_config=SourceConfig(sharded_enabled=shards == "yes"))
    records = await solve(
        [Channel(url)],
        specs,
        platforms=[Platform("linux-64"), Platform("noarch")],
        gateway=gateway,
        virtual_packages=[package.into_generic() for package in VirtualPackage.detect()],
    )
    print("\n".join(sorted(f"{r.name.normalized}-{r.version}-{r.build}" for r in records)))


asyncio.run(main())
