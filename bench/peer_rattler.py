"""One timed step of the peer py-rattler: `peer_rattler.py URL PREFIX CACHE SPEC...` solves and installs, then prints seconds of each part."""
import asyncio, json, sys, time
import rattler


async def main(url, prefix, cache, specs):
    started = time.perf_counter()
    gateway = rattler.Gateway(cache_dir=cache + "/repodata")
    records = await rattler.solve([url], specs, gateway=gateway, platforms=["linux-64", "noarch"], virtual_packages=rattler.VirtualPackage.detect())
    solved = time.perf_counter()
    await rattler.install(records, prefix, cache_dir=cache + "/pkgs", show_progress=False)
    print(json.dumps({"packages": len(records), "solve": solved - started, "install": time.perf_counter() - solved}))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
