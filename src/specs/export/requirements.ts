/** A text file of specs (CEP 23), as conda's format `requirements`: what `create --file` reads, not what pip reads. */
export function writeRequirements(
  specs: readonly string[],
  { platform, createdBy }: { platform: string; createdBy: string },
): string {
  return `${[
    "# This file may be used to create an environment using:",
    "# $ conda create --name <env> --file <this file>",
    `# platform: ${platform}`,
    `# created-by: ${createdBy}`,
    "# Note: these are conda package specifications, not pip requirements",
    "",
    ...specs,
  ].join("\n")}\n`;
}
