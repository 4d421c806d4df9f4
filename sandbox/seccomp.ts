// The system calls a jailed program may not make, as a seccomp filter: classic BPF, assembled here and handed to bubblewrap as bytes.
// A deny list, since interpreters and their threads need most calls; it takes away what reaches the kernel's less travelled parts
// and what would undo the jail. Formats: Linux uapi linux/filter.h, linux/seccomp.h, linux/audit.h; numbers: asm/unistd_64.h (x86-64), asm-generic/unistd.h (arm64).

/** Processors whose system calls are known here. */
export type Architecture = "x64" | "arm64";

/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64. */
const auditArch: Readonly<Record<Architecture, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** What a filter answers: SECCOMP_RET_* and an error number. */
const allow = 0x7fff0000;
const killProcess = 0x80000000;
const refuse = (errno: number) => 0x00050000 | errno;
const EPERM = 1;
const ENOSYS = 38;

/** Always refused, by their number on [x86-64, arm64]; undefined where the processor has no such call. */
export const refusedCalls: Readonly<Record<string, readonly [x64: number, arm64: number | undefined]>> = {
  // other processes' memory and state
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  pidfd_getfd: [438, 438],
  kcmp: [312, 272],
  // file systems and namespaces
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  setns: [308, 268],
  unshare: [272, 97],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  fanotify_init: [300, 262],
  lookup_dcookie: [212, 18],
  ustat: [136, undefined],
  sysfs: [139, undefined],
  nfsservctl: [180, 42],
  // programs for the kernel, and its less travelled parts
  bpf: [321, 280],
  perf_event_open: [298, 241],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  userfaultfd: [323, 282],
  vmsplice: [278, 75],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  personality: [135, 92],
  modify_ldt: [154, undefined],
  uselib: [134, undefined],
  create_module: [174, undefined],
  get_kernel_syms: [177, undefined],
  query_module: [178, undefined],
  landlock_create_ruleset: [444, 444],
  move_pages: [279, 239],
  migrate_pages: [256, 238],
  mbind: [237, 235],
  set_mempolicy: [238, 237],
  // memory that belongs to no process, which only a cgroup would count
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  shmget: [29, 194],
  shmat: [30, 196],
  shmctl: [31, 195],
  semget: [64, 190],
  semop: [65, 193],
  semtimedop: [220, 192],
  semctl: [66, 191],
  msgget: [68, 186],
  msgsnd: [69, 189],
  msgrcv: [70, 188],
  msgctl: [71, 187],
  mq_open: [240, 180],
  mq_unlink: [241, 181],
  mq_timedsend: [242, 182],
  mq_timedreceive: [243, 183],
  mq_notify: [244, 184],
  mq_getsetattr: [245, 185],
  // the machine itself
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  iopl: [172, undefined],
  ioperm: [173, undefined],
  syslog: [103, 116],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  vhangup: [153, 58],
};

/** Refused or allowed by an argument. */
const numbers = {
  socket: [41, 198],
  socketpair: [53, 199],
  clone: [56, 220],
  clone3: [435, 435],
  prctl: [157, 167],
  ioctl: [16, 29],
} as const;

const AF_UNIX = 1;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const newNamespaces = 0x7e020000;
/** What would let a process outlive its supervisor, or move its own memory map. */
const PR_SET_PDEATHSIG = 1;
const PR_SET_MM = 35;
/** Typing into a terminal. */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
/** Bit of x86-64 call numbers that names the x32 table. */
const x32Bit = 0x40000000;

/** One instruction: `struct sock_filter`. Jumps count instructions to skip. */
interface Instruction {
  readonly code: number;
  readonly ifTrue?: number;
  readonly ifFalse?: number;
  readonly value: number;
}

/** Words of `struct seccomp_data`; arguments are 64 bits wide and their lower half comes first on both processors. */
const word = { number: 0, arch: 4, firstArgument: 16, secondArgument: 24 } as const;
const load = (value: number): Instruction => ({ code: 0x20, value });
const answer = (value: number): Instruction => ({ code: 0x06, value });
/** Answers with `then` where the loaded word equals `value`, and goes on otherwise. */
const whenEqual = (value: number, then: number): Instruction[] => [{ code: 0x15, ifTrue: 0, ifFalse: 1, value }, answer(then)];
const whenAtLeast = (value: number, then: number): Instruction[] => [{ code: 0x35, ifTrue: 0, ifFalse: 1, value }, answer(then)];
const whenAnyBit = (value: number, then: number): Instruction[] => [{ code: 0x45, ifTrue: 0, ifFalse: 1, value }, answer(then)];
/** Runs `checks` where the loaded call number equals `number`; they must end in an answer. */
const forCall = (number: number, checks: readonly Instruction[]): Instruction[] => [
  { code: 0x15, ifTrue: 0, ifFalse: checks.length, value: number },
  ...checks,
];

/** The filter for one processor, as bubblewrap's --seccomp reads it. */
export function seccompFilter(architecture: Architecture): Uint8Array {
  const at = architecture === "x64" ? 0 : 1;
  const refused = Object.values(refusedCalls).flatMap((row) => row[at] ?? []);
  const onlyUnix = [load(word.firstArgument), ...whenEqual(AF_UNIX, allow), answer(refuse(EPERM))];
  return assemble([
    load(word.arch),
    // A program of another processor, such as 32-bit x86, has other numbers.
    { code: 0x15, ifTrue: 1, ifFalse: 0, value: auditArch[architecture] },
    answer(killProcess),
    load(word.number),
    ...(architecture === "x64" ? whenAtLeast(x32Bit, killProcess) : []),
    ...refused.flatMap((number) => whenEqual(number, refuse(EPERM))),
    // Its arguments lie in memory, where a filter cannot look; the C library falls back to clone.
    ...whenEqual(numbers.clone3[at], refuse(ENOSYS)),
    ...forCall(numbers.clone[at], [load(word.firstArgument), ...whenAnyBit(newNamespaces, refuse(EPERM)), answer(allow)]),
    ...forCall(numbers.socket[at], onlyUnix),
    ...forCall(numbers.socketpair[at], onlyUnix),
    ...forCall(numbers.prctl[at], [
      load(word.firstArgument),
      ...whenEqual(PR_SET_PDEATHSIG, refuse(EPERM)),
      ...whenEqual(PR_SET_MM, refuse(EPERM)),
      answer(allow),
    ]),
    ...forCall(numbers.ioctl[at], [
      load(word.secondArgument),
      ...whenEqual(TIOCSTI, refuse(EPERM)),
      ...whenEqual(TIOCLINUX, refuse(EPERM)),
      answer(allow),
    ]),
    answer(allow),
  ]);
}

/** Eight bytes an instruction, in the byte order of both processors. */
function assemble(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(instructions.length * 8));
  instructions.forEach(({ code, ifTrue = 0, ifFalse = 0, value }, i) => {
    bytes.setUint16(i * 8, code, true);
    bytes.setUint8(i * 8 + 2, ifTrue);
    bytes.setUint8(i * 8 + 3, ifFalse);
    bytes.setUint32(i * 8 + 4, value >>> 0, true);
  });
  return new Uint8Array(bytes.buffer);
}
