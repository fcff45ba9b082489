/**
 * The line by which a step of a GitHub workflow shows a failure at its run and, where `place` names a line of a file of the
 * checkout, beside that line of a pull request. A line end would end it, and what follows could be a command of its own.
 * Source: "Workflow commands for GitHub Actions".
 */
export function errorCommand(
  message: string,
  hint?: string,
  place?: { file: string; line: number; column: number },
): string {
  const at = place ? `file=${property(place.file)},line=${place.line},col=${place.column},` : "";
  return `::error ${at}title=taipan::${data(hint ? `${message} (${hint})` : message)}\n`;
}

function data(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
