"""py-rattler's side of bench/fetch.mjs: downloads and extracts the packages of a records file."""
import asyncio
import json
import os
import sys

from rattler.networking import Client
from rattler.package_streaming import download_and_extract


async def main() -> None:
    records_file, directory = sys.argv[1:3]
    with open(records_file, encoding="utf8") as file:
        records = json.load(file)
    client = Client()
    limit = asyncio.Semaphore(50)

    async def fetch(record: dict) -> None:
        async with limit:
            name = record["fn"].removesuffix(".conda").removesuffix(".tar.bz2")
            sha256 = bytes.fromhex(record["sha256"]) if "sha256" in record else None
            await download_and_extract(client, record["url"], os.path.join(directory, name), expected_sha=sha256)

    os.makedirs(directory)
    await asyncio.gather(*(fetch(record) for record in records))


asyncio.run(main())
# Its runtime's threads now and then crash the interpreter on the way out.
os._exit(0)
