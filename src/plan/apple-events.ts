/**
 * The program of a macOS bundle that receives Apple events (addresses and files that are opened): a script has no event loop, so it is
 * an AppleScript applet, which every macOS compiles itself (osacompile; Apple, "AppleScript Language Guide", Handlers in Script Applications).
 */

/** Text in an AppleScript string. */
export const appleScriptText = (text: string): string =>
  `"${text.replace(/[\\"]/g, "\\$&").replace(/\r/g, "\\r").replace(/\n/g, "\\n")}"`;

/**
 * Starts the application that lies in Contents/Resources as `application`, and hands what was opened to the program `handler` beside it:
 * addresses with their escapes undone, files as `file://` addresses of the same form (menuinst's launcher does the same).
 */
export function eventApplet(application: string, handler: string): string {
  return `use AppleScript version "2.4"
use framework "Foundation"
use scripting additions

on resourcePath(theName)
	return POSIX path of (path to me) & "Contents/Resources/" & theName
end resourcePath

on startApplication()
	do shell script "/usr/bin/open " & quoted form of my resourcePath(${appleScriptText(application)})
end startApplication

on handleEvents(theAddresses)
	my startApplication()
	set theCommand to quoted form of my resourcePath(${appleScriptText(handler)})
	repeat with theAddress in theAddresses
		set theCommand to theCommand & " " & quoted form of (contents of theAddress)
	end repeat
	do shell script theCommand & " > /dev/null 2>&1 &"
end handleEvents

on run
	my startApplication()
end run

on reopen
	my startApplication()
end reopen

on open theFiles
	set theAddresses to {}
	repeat with theFile in theFiles
		set end of theAddresses to "file://" & POSIX path of theFile
	end repeat
	my handleEvents(theAddresses)
end open

on open location theAddress
	set plainAddress to (current application's NSString's stringWithString:theAddress)'s stringByRemovingPercentEncoding()
	if plainAddress is missing value then set plainAddress to theAddress
	my handleEvents({plainAddress as text})
end open location
`;
}

/**
 * Compiles `source` and makes it the program of the bundle. osacompile makes a bundle of its own, whose program is called `applet` or
 * `droplet` and looks for its script in the bundle that it is started from.
 */
export function compileApplet(source: string, contents: string, program: string): string[] {
  const steps = [
    '/usr/bin/osacompile -o "$1.app" "$1"',
    'mkdir -p "$2/MacOS"',
    'mv -f "$1.app/Contents/MacOS"/* "$2/MacOS/$3"',
    'mv -f "$1.app/Contents/Resources/Scripts" "$2/Resources/Scripts"',
    'rm -rf "$1.app"',
  ];
  return ["/bin/sh", "-c", steps.join(" && "), "sh", source, contents, program];
}
