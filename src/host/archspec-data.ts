/**
 * x86-64 microarchitectures: name, vendor (empty: any), parents, and the features that it adds to them, in the flags of
 * /proc/cpuinfo. The facts are those of the archspec project (archspec-json, cpu/microarchitectures.json), to
 * which CEP 30 refers. `sse3` is left out: every processor with `ssse3` has it, and Linux calls it `pni`.
 */
export const X86_MICROARCHITECTURES = `
x86_64|||
x86_64_v2||x86_64|cx16 lahf_lm mmx sse sse2 ssse3 sse4_1 sse4_2 popcnt
x86_64_v3||x86_64_v2|avx avx2 bmi1 bmi2 f16c fma abm movbe xsave
x86_64_v4||x86_64_v3|avx512f avx512bw avx512cd avx512dq avx512vl
nocona|GenuineIntel|x86_64|mmx sse sse2
core2|GenuineIntel|nocona|ssse3
nehalem|GenuineIntel|core2 x86_64_v2|
westmere|GenuineIntel|nehalem|aes pclmulqdq
sandybridge|GenuineIntel|westmere|avx
ivybridge|GenuineIntel|sandybridge|rdrand f16c
haswell|GenuineIntel|ivybridge x86_64_v3|
broadwell|GenuineIntel|haswell|rdseed adx
skylake|GenuineIntel|broadwell|clflushopt xsavec xsaveopt
mic_knl|GenuineIntel|broadwell|avx512f avx512pf avx512er avx512cd
skylake_avx512|GenuineIntel|skylake x86_64_v4|clwb
cannonlake|GenuineIntel|skylake x86_64_v4|avx512vbmi avx512ifma sha_ni
cascadelake|GenuineIntel|skylake_avx512|avx512_vnni
icelake|GenuineIntel|cascadelake cannonlake|rdpid gfni avx512_vbmi2 avx512_vpopcntdq avx512_bitalg vpclmulqdq vaes
sapphirerapids|GenuineIntel|icelake|avx512_bf16 cldemote movdir64b movdiri serialize waitpkg amx_bf16 amx_tile amx_int8
alderlake|GenuineIntel|skylake|avx_vnni sha_ni clwb rdpid gfni vaes vpclmulqdq movdiri movdir64b serialize waitpkg
arrowlake|GenuineIntel|alderlake|avx_ifma avx_ne_convert avx_vnni_int8 cmpccxadd
arrowlake_s|GenuineIntel|arrowlake|avx_vnni_int16 sha512 sm3 sm4
k10|AuthenticAMD|x86_64|mmx sse sse2 sse4a abm cx16 3dnow 3dnowext
bulldozer|AuthenticAMD|x86_64_v2|sse4a xsave abm avx xop fma4 aes pclmulqdq
piledriver|AuthenticAMD|bulldozer|bmi1 f16c fma tbm
steamroller|AuthenticAMD|piledriver|fsgsbase
excavator|AuthenticAMD|steamroller x86_64_v3|
zen|AuthenticAMD|x86_64_v3|fsgsbase rdseed clzero aes pclmulqdq sse4a xsavec xsaveopt clflushopt
zen2|AuthenticAMD|zen|clwb
zen3|AuthenticAMD|zen2|vaes vpclmulqdq pku
zen4|AuthenticAMD|zen3 x86_64_v4|gfni flush_l1d avx512ifma avx512_bf16 avx512vbmi avx512_vbmi2 avx512_vnni avx512_bitalg avx512_vpopcntdq
zen5|AuthenticAMD|zen4|avx512_vp2intersect avx_vnni movdir64b movdiri tsc_adjust
zen6|AuthenticAMD|zen5|avx512_fp16
`;

/** ARM microarchitectures by "CPU implementer" and "CPU part" of /proc/cpuinfo, from the same source. */
export const ARM_MICROARCHITECTURES: Readonly<Record<string, string>> = {
  "0x43 0x0af": "thunderx2",
  "0x46 0x001": "a64fx",
  "0x41 0xd08": "cortex_a72",
  "0x41 0xd0c": "neoverse_n1",
  "0x41 0xd40": "neoverse_v1",
  "0x41 0xd4f": "neoverse_v2",
  "0x41 0xd49": "neoverse_n2",
  "0xc0 0xac3": "ampere1",
  "0xc0 0xac4": "ampere1a",
  "0x41 0xd83": "neoverse_v3ae",
  "0x4e 0x010": "olympus",
  "0x61 0x022": "m1",
  "0x61 0x032": "m2",
};
