/** A C program that loads a PE file on x86-64 Linux and plays kernel32: `loader FILE MODULE-PATH COMMAND-LINE ok|no-python`. */
export const LOADER = String.raw`
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#define WIN __attribute__((ms_abi))
typedef uint16_t W;
static W module[1 << 18], line[1 << 18];
static int failing;
static int64_t moduleLength;

/* ASCII and Latin letters of two bytes are all that the tests send. */
static int64_t widen(const char *text, W *out) {
  int64_t n = 0;
  for (const unsigned char *p = (const unsigned char *)text; *p; p += *p < 0x80 ? 1 : 2)
    out[n++] = *p < 0x80 ? *p : (W)(((*p & 0x1f) << 6) | (p[1] & 0x3f));
  out[n] = 0;
  return n;
}
static void show(const char *name, const W *text) {
  printf("%s=", name);
  for (; *text; text++)
    if (*text < 0x80) putchar(*text);
    else { putchar(0xc0 | *text >> 6); putchar(0x80 | (*text & 0x3f)); }
  putchar('\n');
}
WIN static int SetConsoleCtrlHandler(WIN int (*handler)(int), int add) {
  printf("control=%d\n", add && handler(0) == 1);
  return 1;
}
WIN static uint32_t GetModuleFileNameW(void *of, W *out, uint32_t size) {
  if (of) abort();
  uint32_t n = moduleLength >= size ? size : (uint32_t)moduleLength;
  memcpy(out, module, 2 * (n < size ? n + 1 : n));
  return n;
}
WIN static W *GetCommandLineW(void) { return line; }
WIN static void *CreateJobObjectW(void *a, void *b) { return a || b ? 0 : (void *)77; }
WIN static int SetInformationJobObject(void *job, int class, void *info, uint32_t size) {
  printf("job=%d %u %x\n", class, size, *(uint32_t *)((char *)info + 16));
  return job == (void *)77;
}
WIN static int CreateProcessW(W *app, W *command, void *pa, void *ta, int inherit, uint32_t flags, void *env, W *cwd,
                              uint32_t *startup, void **process) {
  if ((uintptr_t)__builtin_frame_address(0) % 16) abort();
  if (failing) return 0;
  show("application", app);
  show("command", command);
  printf("inherit=%d\nflags=%u\nenvironment=%d\ndirectory=%d\nstartup=%u\n", inherit, flags, env != 0, cwd != 0, *startup);
  if (pa || ta || startup[15]) abort();
  process[0] = (void *)0x1234;
  return 1;
}
WIN static int AssignProcessToJobObject(void *job, void *process) {
  printf("assigned=%d %d\n", (int)(intptr_t)job, (int)(intptr_t)process);
  return 1;
}
WIN static uint32_t WaitForSingleObject(void *what, uint32_t ms) {
  printf("waited=%d %x\n", (int)(intptr_t)what, ms);
  return 0;
}
WIN static int GetExitCodeProcess(void *process, uint32_t *code) {
  *code = process == (void *)0x1234 ? 42 : 99;
  return 1;
}
WIN static void *GetStdHandle(uint32_t which) { return which == (uint32_t)-12 ? (void *)2 : 0; }
WIN static int WriteFile(void *handle, const char *text, uint32_t size, uint32_t *written, void *overlapped) {
  if (handle != (void *)2 || overlapped) abort();
  *written = (uint32_t)fwrite(text, 1, size, stderr);
  return 1;
}
WIN static void ExitProcess(uint32_t code) {
  fflush(stdout);
  exit((int)code);
}
#define F(name) { #name, (void *)name }
static const struct { const char *name; void *function; } table[] = {
  F(SetConsoleCtrlHandler), F(GetModuleFileNameW), F(GetCommandLineW), F(CreateJobObjectW), F(SetInformationJobObject),
  F(CreateProcessW), F(AssignProcessToJobObject), F(WaitForSingleObject), F(GetExitCodeProcess), F(GetStdHandle),
  F(WriteFile), F(ExitProcess),
};
static uint32_t u32(const unsigned char *p) { uint32_t v; memcpy(&v, p, 4); return v; }

int main(int argc, char **argv) {
  static unsigned char file[1 << 16];
  FILE *in = fopen(argv[1], "rb");
  if (!in || argc != 5 || fread(file, 1, sizeof file, in) == 0) return 100;
  moduleLength = widen(argv[2], module);
  widen(argv[3], line);
  failing = strcmp(argv[4], "ok") != 0;
  const unsigned char *pe = file + u32(file + 0x3c), *optional = pe + 24;
  uint32_t size = u32(optional + 56);
  unsigned char *base = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return 101;
  for (int i = 0; i < pe[6]; i++) {
    const unsigned char *section = optional + 240 + 40 * i;
    memcpy(base + u32(section + 12), file + u32(section + 20), u32(section + 16));
  }
  unsigned char *descriptor = base + u32(optional + 120);
  uint64_t *names = (uint64_t *)(base + u32(descriptor)), *addresses = (uint64_t *)(base + u32(descriptor + 16));
  for (; *names; names++, addresses++) {
    *addresses = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
      if (strcmp((char *)base + *names + 2, table[i].name) == 0) *addresses = (uint64_t)table[i].function;
    if (!*addresses) return 102;
  }
  /* As the headers say: code is not written, data is not executed. */
  for (int i = 0; i < pe[6]; i++) {
    const unsigned char *section = optional + 240 + 40 * i;
    uint32_t flags = u32(section + 36);
    mprotect(base + u32(section + 12), u32(section + 8),
             (flags & 0x40000000 ? PROT_READ : 0) | (flags & 0x80000000 ? PROT_WRITE : 0) | (flags & 0x20000000 ? PROT_EXEC : 0));
  }
  ((WIN void (*)(void))(base + u32(optional + 16)))();
  return 103;
}
`;
