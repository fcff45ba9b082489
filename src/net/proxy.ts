import { BlockList, isIP } from "node:net";

/** Whether NO_PROXY exempts the host: `*`, names with their subdomains (`.example.com` or `example.com`), addresses, CIDR ranges, optional `:port`. */
export function bypassesProxy(url: URL, noProxy: string | undefined): boolean {
  if (!noProxy) return false;
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return noProxy.split(/[\s,]+/).some((raw) => {
    const entry = raw.toLowerCase();
    if (entry === "") return false;
    if (entry === "*") return true;
    if (entry.includes("/")) return inRange(host, entry);
    const withPort = /^(.*[^:]):(\d+)$/.exec(entry);
    if (withPort && withPort[2] !== port) return false;
    const name = (withPort ? withPort[1]! : entry).replace(/^\[|\]$/g, "").replace(/^\*?\./, "");
    return host === name || (!isIP(host) && host.endsWith(`.${name}`));
  });
}

function inRange(host: string, range: string): boolean {
  const [address = "", bits = ""] = range.split("/");
  const family = isIP(host);
  if (family === 0 || isIP(address) !== family || !/^\d{1,3}$/.test(bits)) return false;
  const list = new BlockList();
  const kind = family === 6 ? "ipv6" : "ipv4";
  try {
    list.addSubnet(address, Number(bits), kind);
  } catch {
    return false;
  }
  return list.check(host, kind);
}

/** The proxy's URL for a request, or undefined for a direct connection. The most specific key wins, as in conda (requests). */
export function proxyFor(
  url: URL,
  proxies: Readonly<Record<string, string>> | undefined,
  noProxy: string | undefined,
): string | undefined {
  if (!proxies || bypassesProxy(url, noProxy)) return undefined;
  const scheme = url.protocol.slice(0, -1);
  const found =
    proxies[`${scheme}://${url.hostname}`] ||
    proxies[scheme] ||
    proxies[`all://${url.hostname}`] ||
    proxies.all;
  if (!found) return undefined;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(found) ? found.replace(/^socks5h:/i, "socks5:") : `http://${found}`;
}
