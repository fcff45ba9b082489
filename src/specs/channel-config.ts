import { isWindows } from "./platform.ts";

/** The configuration keys that say what a channel name means (conda's names in camelCase). */
export interface ChannelConfig {
  /** URL that bare names are appended to. */
  channelAlias: string;
  /** Channel name → URL of the directory that holds it: `{"internal": "https://srv/conda"}` is `https://srv/conda/internal`. */
  customChannels: Readonly<Record<string, string>>;
  /** One name for several channels. */
  customMultichannels: Readonly<Record<string, readonly string[]>>;
  /** What `defaults` stands for; empty means conda's own. */
  defaultChannels: readonly string[];
  /** Channel name → base URLs that serve the same content, first choice first. */
  mirroredChannels: Readonly<Record<string, readonly string[]>>;
}

export const DEFAULT_CHANNEL_ALIAS = "https://conda.anaconda.org";
const ANACONDA = "https://repo.anaconda.com";

/** What `defaults` means when nobody says otherwise. */
export function builtinDefaultChannels(platform: string): string[] {
  const names = ["pkgs/main", "pkgs/r", ...(isWindows(platform) ? ["pkgs/msys2"] : [])];
  return names.map((name) => `${ANACONDA}/${name}`);
}

/** Names that live somewhere else than below the channel alias. */
export function builtinCustomChannels(platform: string): Record<string, string> {
  const names = ["pkgs/main", "pkgs/r", "pkgs/pro", ...(isWindows(platform) ? ["pkgs/msys2"] : [])];
  return Object.fromEntries(names.map((name) => [name, ANACONDA]));
}

export const DEFAULT_CHANNEL_CONFIG: ChannelConfig = {
  channelAlias: DEFAULT_CHANNEL_ALIAS,
  customChannels: {},
  customMultichannels: {},
  defaultChannels: [],
  mirroredChannels: {},
};
