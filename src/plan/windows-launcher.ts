import { peImage } from "./pe-image.ts";

const PYTHON = "python.exe\0";
const BETWEEN = '" "';
const SCRIPT = '-script.py"';
const MESSAGE = "this command cannot start python.exe of its environment\r\n";

/** Characters of the longest path and of the longest command line that Windows has. */
const LONGEST = 0x8000;

/**
 * The program that starts an entry point: `PREFIX\Scripts\NAME.exe ARGUMENTS` runs `PREFIX\python.exe PREFIX\Scripts\NAME-script.py
 * ARGUMENTS`, waits for it and ends with its exit code. Interrupts are left to Python. Python ends when this program is ended (a job),
 * but what Python starts does not. The arguments are passed on as they were written, from the first blank outside of quotes.
 */
const LISTING = `
start:
  48 83 EC 58                  ; sub rsp, 0x58
  48 8D 0D @onControl          ; lea rcx, [onControl]
  BA 01 00 00 00               ; mov edx, 1
  FF 15 @SetConsoleCtrlHandler ; call [SetConsoleCtrlHandler]
  31 C9                        ; xor ecx, ecx
  48 8D 15 @path               ; lea rdx, [path]
  41 B8 00 80 00 00            ; mov r8d, 0x8000
  FF 15 @GetModuleFileNameW    ; call [GetModuleFileNameW]
  8D 48 FB                     ; lea ecx, [rax-5]
  81 F9 FB 7F 00 00            ; cmp ecx, 0x7ffb
  0F 83 @fail                  ; jae fail
  4C 8D 25 @path               ; lea r12, [path]
  41 89 C5                     ; mov r13d, eax
  41 89 C6                     ; mov r14d, eax
name:
  41 FF CE                     ; dec r14d
  0F 88 @fail                  ; js fail
  66 43 83 3C 74 5C            ; cmp word ptr [r12+r14*2], 0x5c
  0F 85 @name                  ; jne name
directory:
  41 FF CE                     ; dec r14d
  0F 88 @fail                  ; js fail
  66 43 83 3C 74 5C            ; cmp word ptr [r12+r14*2], 0x5c
  0F 85 @directory             ; jne directory
  41 FF C6                     ; inc r14d
  4C 89 E6                     ; mov rsi, r12
  48 8D 3D @program            ; lea rdi, [program]
  44 89 F1                     ; mov ecx, r14d
  66 F3 A5                     ; rep movsw
  48 8D 35 @python             ; lea rsi, [python]
  B9 0B 00 00 00               ; mov ecx, 11
  66 F3 A5                     ; rep movsw
  48 8D 3D @command            ; lea rdi, [command]
  B8 22 00 00 00               ; mov eax, 0x22
  66 AB                        ; stosw
  48 8D 35 @program            ; lea rsi, [program]
  41 8D 4E 0A                  ; lea ecx, [r14+10]
  66 F3 A5                     ; rep movsw
  48 8D 35 @between            ; lea rsi, [between]
  B9 03 00 00 00               ; mov ecx, 3
  66 F3 A5                     ; rep movsw
  4C 89 E6                     ; mov rsi, r12
  41 8D 4D FC                  ; lea ecx, [r13-4]
  66 F3 A5                     ; rep movsw
  48 8D 35 @script             ; lea rsi, [script]
  B9 0B 00 00 00               ; mov ecx, 11
  66 F3 A5                     ; rep movsw
  FF 15 @GetCommandLineW       ; call [GetCommandLineW]
  48 89 C6                     ; mov rsi, rax
  31 C9                        ; xor ecx, ecx
skip:
  0F B7 06                     ; movzx eax, word ptr [rsi]
  85 C0                        ; test eax, eax
  0F 84 @copy                  ; je copy
  83 F8 22                     ; cmp eax, 0x22
  0F 85 @plain                 ; jne plain
  83 F1 01                     ; xor ecx, 1
  E9 @next                     ; jmp next
plain:
  85 C9                        ; test ecx, ecx
  0F 85 @next                  ; jne next
  83 F8 20                     ; cmp eax, 0x20
  0F 84 @copy                  ; je copy
  83 F8 09                     ; cmp eax, 9
  0F 84 @copy                  ; je copy
next:
  48 83 C6 02                  ; add rsi, 2
  E9 @skip                     ; jmp skip
copy:
  66 AD                        ; lodsw
  66 AB                        ; stosw
  66 85 C0                     ; test ax, ax
  0F 85 @copy                  ; jne copy
  31 C9                        ; xor ecx, ecx
  31 D2                        ; xor edx, edx
  FF 15 @CreateJobObjectW      ; call [CreateJobObjectW]
  48 89 C3                     ; mov rbx, rax
  4C 8D 05 @limits             ; lea r8, [limits]
  41 C7 40 10 00 30 00 00      ; mov dword ptr [r8+16], 0x3000
  48 89 C1                     ; mov rcx, rax
  BA 09 00 00 00               ; mov edx, 9
  41 B9 90 00 00 00            ; mov r9d, 144
  FF 15 @SetInformationJobObject ; call [SetInformationJobObject]
  48 8D 0D @program            ; lea rcx, [program]
  48 8D 15 @command            ; lea rdx, [command]
  45 31 C0                     ; xor r8d, r8d
  45 31 C9                     ; xor r9d, r9d
  48 C7 44 24 20 01 00 00 00   ; mov qword ptr [rsp+0x20], 1
  48 C7 44 24 28 00 00 00 00   ; mov qword ptr [rsp+0x28], 0
  48 C7 44 24 30 00 00 00 00   ; mov qword ptr [rsp+0x30], 0
  48 C7 44 24 38 00 00 00 00   ; mov qword ptr [rsp+0x38], 0
  48 8D 05 @startup            ; lea rax, [startup]
  C7 00 68 00 00 00            ; mov dword ptr [rax], 104
  48 89 44 24 40               ; mov qword ptr [rsp+0x40], rax
  48 8D 05 @process            ; lea rax, [process]
  48 89 44 24 48               ; mov qword ptr [rsp+0x48], rax
  FF 15 @CreateProcessW        ; call [CreateProcessW]
  85 C0                        ; test eax, eax
  0F 84 @fail                  ; je fail
  48 89 D9                     ; mov rcx, rbx
  48 8B 15 @process            ; mov rdx, [process]
  FF 15 @AssignProcessToJobObject ; call [AssignProcessToJobObject]
  48 8B 0D @process            ; mov rcx, [process]
  BA FF FF FF FF               ; mov edx, 0xffffffff
  FF 15 @WaitForSingleObject   ; call [WaitForSingleObject]
  48 8B 0D @process            ; mov rcx, [process]
  48 8D 15 @exitCode           ; lea rdx, [exitCode]
  FF 15 @GetExitCodeProcess    ; call [GetExitCodeProcess]
  8B 0D @exitCode              ; mov ecx, [exitCode]
  FF 15 @ExitProcess           ; call [ExitProcess]
fail:
  B9 F4 FF FF FF               ; mov ecx, -12
  FF 15 @GetStdHandle          ; call [GetStdHandle]
  48 89 C1                     ; mov rcx, rax
  48 8D 15 @message            ; lea rdx, [message]
  41 B8 39 00 00 00            ; mov r8d, 57
  4C 8D 0D @exitCode           ; lea r9, [exitCode]
  48 C7 44 24 20 00 00 00 00   ; mov qword ptr [rsp+0x20], 0
  FF 15 @WriteFile             ; call [WriteFile]
  B9 01 00 00 00               ; mov ecx, 1
  FF 15 @ExitProcess           ; call [ExitProcess]
onControl:
  B8 01 00 00 00               ; mov eax, 1
  C3                           ; ret
`;

const wide = (text: string): Uint8Array => {
  const bytes = new Uint8Array(2 * text.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true);
  return bytes;
};

let launcher: Uint8Array | undefined;

/** The bytes of the launcher: the same for every entry point, as it finds its script by its own name. */
export function windowsLauncher(): Uint8Array {
  launcher ??= peImage({
    listing: LISTING,
    dll: "KERNEL32.dll",
    imports: [
      "AssignProcessToJobObject",
      "CreateJobObjectW",
      "CreateProcessW",
      "ExitProcess",
      "GetCommandLineW",
      "GetExitCodeProcess",
      "GetModuleFileNameW",
      "GetStdHandle",
      "SetConsoleCtrlHandler",
      "SetInformationJobObject",
      "WaitForSingleObject",
      "WriteFile",
    ],
    constants: {
      python: wide(PYTHON),
      between: wide(BETWEEN),
      script: wide(SCRIPT),
      message: new TextEncoder().encode(MESSAGE),
    },
    // The command line may be longer than Windows takes, and is refused by it then: two paths, the arguments, and what is between.
    variables: {
      path: 2 * LONGEST,
      program: 2 * (LONGEST + PYTHON.length),
      command: 2 * (4 * LONGEST),
      limits: 144,
      startup: 104,
      process: 24,
      exitCode: 4,
    },
  });
  return launcher;
}
