"""One step of the peer py-rattler: `peer_link.py URL PREFIX CACHE SPEC...` takes the prefix to what the specs solve to."""
import asyncio, os, sys
import rattler


async def main(url, prefix, cache, specs):
    gateway = rattler.Gateway(cache_dir=cache + "/repodata")
    records = await rattler.solve([url], specs, gateway=gateway, platforms=["linux-64", "noarch"], virtual_packages=rattler.VirtualPackage.detect())
    await rattler.install(records, prefix, cache_dir=cache + "/pkgs", show_progress=False)


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
# The work is done; some versions crash in their destructors.
os._exit(0)
