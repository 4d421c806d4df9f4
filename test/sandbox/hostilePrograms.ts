// Programs that try to get out of the jail, to harm the machine, or to harm the program after them. Each says ESCAPED when it got what it
// wanted and nothing else counts as that; `ends` and `says` are what an honest result must report. A table of independent entries.

import type { Language, Limits } from "../../sandbox/client.ts";

/** What a program may find on the host; the test sets them up and watches them. */
export interface Host {
  /** File that only the host may read, and a folder that only the host may write. */
  readonly secretFile: string;
  readonly secret: string;
  readonly folder: string;
  /** Where the host listens. */
  readonly port: number;
  readonly socketPath: string;
  /** A process of the host. */
  readonly pid: number;
}

export interface HostileProgram {
  readonly name: string;
  readonly language: Language;
  readonly source: string | ((host: Host) => string);
  readonly limits?: Partial<Limits>;
  readonly stdin?: string;
  /** "exit 0", "exit 1", "exit", "signal", "limit wall", ...: one of them must be how it ended. */
  readonly ends: readonly string[];
  /** Must stand in standard output or standard error. */
  readonly says?: RegExp;
  /** Must be among the limits that were met; only where control groups count them. */
  readonly meets?: string;
}

/** Python that makes system calls by number. */
const raw = `
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
def call(x64, arm64, *args):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(x64 if platform.machine() == "x86_64" else arm64), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return result, ctypes.get_errno()
def refused(name, outcome):
    print("ESCAPED" if outcome[0] >= 0 else "refused", name, outcome)
`;

/** Tries, and says how it was refused. */
const attempt = (body: string) => `
try:
${body.trim().replace(/^/gm, "    ")}
except BaseException as error:
    print("refused", type(error).__name__, error)
`;

const readAttempt = (path: string) => attempt(`print("ESCAPED", open(${JSON.stringify(path)}, "rb").read(100))`);
const short: Partial<Limits> = { wallMs: 600, cpuMs: 5000 };
const small: Partial<Limits> = { memoryMiB: 128, wallMs: 20_000, cpuMs: 10_000 };
/** A bomb ends by the limit on memory, or by its own allocation being refused before it is met. */
const memoryEnds = ["limit memory", "exit 1", "signal"];

export const hostilePrograms: readonly HostileProgram[] = [
  // processes
  {
    name: "fork bomb",
    language: "python",
    source: "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n",
    limits: { wallMs: 4000, cpuMs: 60_000 },
    ends: ["limit wall"],
    meets: "processes",
  },
  {
    name: "fork bomb that says how far it got",
    language: "python",
    source: `import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        count += 1
except OSError as error:
    print("refused after", count, error)
    print("ESCAPED" if count > 200 else "held", flush=True)
    os._exit(0)
`,
    ends: ["exit 0"],
    says: /refused after \d+ .*\n.*held/,
    meets: "processes",
  },
  {
    name: "fork bomb of shells",
    language: "python",
    source: 'import os\nos.execv("/bin/sh", ["sh", "-c", "f(){ f|f & f; }; f"])\n',
    limits: short,
    ends: ["limit wall", "exit", "signal"],
  },
  {
    name: "thread bomb",
    language: "python",
    source: `import threading, time
count = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        count += 1
except RuntimeError as error:
    print("refused after", count, error)
    print("ESCAPED" if count > 200 else "held")
`,
    ends: ["exit 0", "limit wall"],
    says: /held|MemoryError/,
  },
  {
    name: "child process bomb in Node",
    language: "javascript",
    source: `const { spawn } = require("node:child_process");
let started = 0, failed = 0;
for (let i = 0; i < 300; i++) {
  const child = spawn("/bin/sleep", ["20"]);
  child.on("spawn", () => started++);
  child.on("error", () => failed++);
}
setTimeout(() => { console.log(started > 200 ? "ESCAPED" : "held", started, failed); process.exit(0); }, 700);
`,
    ends: ["exit 0", "signal", "exit 1"],
  },
  {
    name: "worker thread bomb in Node",
    language: "javascript",
    source: `const { Worker } = require("node:worker_threads");
for (let i = 0; i < 200; i++) new Worker("setInterval(() => {}, 1e6)", { eval: true }).on("error", () => {});
`,
    limits: { ...small, wallMs: 3000 },
    ends: ["limit memory", "limit wall", "limit cpu", "exit", "signal"],
  },
  {
    name: "daemonised child left behind",
    language: "python",
    source: `import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        while True:
            time.sleep(1)
    os._exit(0)
os.wait()
print("left")
`,
    ends: ["exit 0"],
    says: /left/,
  },
  {
    name: "daemonised child that holds the pipes and ignores signals",
    language: "python",
    source: `import os, signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
if os.fork() == 0:
    os.setsid()
    while True:
        os.write(1, b"x")
        time.sleep(0.01)
print("left")
`,
    ends: ["exit 0"],
    says: /left/,
  },
  {
    name: "detached child of Node",
    language: "javascript",
    source: `require("node:child_process").spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore" }).unref();`,
    ends: ["exit 0"],
  },
  {
    name: "children that are busy after their parent has ended",
    language: "python",
    source: "import os\nfor _ in range(4):\n    if os.fork() == 0:\n        while True:\n            pass\nos._exit(7)\n",
    ends: ["exit 7"],
  },
  {
    name: "switching off death with the supervisor",
    language: "python",
    source: `${raw}\nrefused("prctl", call(157, 167, 1, 0, 0, 0, 0))\n`,
    ends: ["exit 0"],
    says: /refused/,
  },

  // memory
  { name: "list bomb", language: "python", source: "x = []\nwhile True:\n    x.append(' ' * 1000000)\n", limits: small, ends: memoryEnds },
  {
    name: "one huge allocation",
    language: "python",
    source: "x = bytearray(1 << 33)\nfor i in range(0, len(x), 4096):\n    x[i] = 1\nprint('ESCAPED')\n",
    limits: small,
    ends: memoryEnds,
  },
  { name: "string doubling", language: "python", source: "x = 'a'\nwhile True:\n    x += x\n", limits: small, ends: memoryEnds },
  {
    name: "huge power",
    language: "python",
    source: "print(len(str(9**9**9)) and 'ESCAPED')\n",
    limits: { ...small, cpuMs: 500 },
    ends: [...memoryEnds, "limit cpu"],
  },
  {
    name: "anonymous shared memory",
    language: "python",
    source:
      "import mmap\nkept = []\nwhile True:\n    m = mmap.mmap(-1, 16 << 20)\n    m.write(b'x' * (16 << 20))\n    kept.append(m)\n    if len(kept) > 40: print('ESCAPED'); break\n",
    limits: small,
    ends: memoryEnds,
  },
  {
    name: "memory of many processes together",
    language: "python",
    source: `import os, time
for _ in range(12):
    if os.fork() == 0:
        x = bytearray(40 << 20)
        for i in range(0, len(x), 4096): x[i] = 1
        time.sleep(1)
        os.write(1, b"one lived\\n")
        os._exit(0)
time.sleep(1.5)
`,
    limits: small,
    ends: ["limit memory"],
  },
  {
    name: "files in memory",
    language: "python",
    source: `import os
total = 0
try:
    for i in range(1000):
        with open("/tmp/f%d" % i, "wb") as f:
            f.write(b"x" * (8 << 20))
        total += 8
except OSError as error:
    print("refused after", total, error)
print("ESCAPED" if total > 100 else "held")
`,
    limits: { ...small, memoryMiB: 256 },
    ends: ["exit 0", "limit memory"],
  },
  {
    name: "files in the memory of /dev/shm",
    language: "python",
    source: attempt(`
with open("/dev/shm/f", "wb") as f:
    for i in range(100):
        f.write(b"x" * (8 << 20))
print("ESCAPED")
`),
    limits: { ...small, memoryMiB: 256 },
    ends: ["exit 0", "limit memory"],
  },
  {
    name: "millions of empty files",
    language: "python",
    source: "import os\ni = 0\nwhile True:\n    os.mkdir('/tmp/d%d' % i)\n    i += 1\n",
    limits: { ...small, wallMs: 1500 },
    ends: ["limit memory", "limit wall", "exit 1"],
  },
  {
    name: "a file without a name in memory",
    language: "python",
    source: `import os${attempt('os.memfd_create("x")\nprint("ESCAPED")')}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "System V shared memory",
    language: "python",
    source: `${raw}\nrefused("shmget", call(29, 194, 0, 1 << 20, 0o1666))\n`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "array bomb in JavaScript",
    language: "javascript",
    source: "const x = []; for (;;) x.push(new Array(100000).fill(1.5));",
    limits: small,
    ends: memoryEnds,
  },
  {
    name: "Buffers outside the heap",
    language: "javascript",
    source: "const x = []; for (;;) x.push(Buffer.alloc(8 << 20, 1));",
    limits: small,
    ends: memoryEnds,
  },
  {
    name: "WebAssembly memory",
    language: "javascript",
    source: `const kept = [];
for (let i = 0; i < 64; i++) {
  const memory = new WebAssembly.Memory({ initial: 1024 });
  new Uint8Array(memory.buffer).fill(1);
  kept.push(memory);
}
console.log("ESCAPED");
`,
    limits: small,
    ends: memoryEnds,
  },
  {
    name: "SharedArrayBuffers",
    language: "javascript",
    source:
      'const x = []; for (let i = 0; i < 100; i++) { const s = new Uint8Array(new SharedArrayBuffer(16 << 20)); s.fill(1); x.push(s); } console.log("ESCAPED");',
    limits: small,
    ends: memoryEnds,
  },
  {
    name: "Map growth, which aborts isolates",
    language: "javascript",
    source: "const m = new Map(); for (let i = 0; ; i++) m.set(i, i);",
    limits: small,
    ends: memoryEnds,
  },
  {
    name: "huge fill, which no isolate can interrupt",
    language: "javascript",
    source: "for (;;) new Array(2 ** 28).fill(0).map((x) => x).reverse();",
    limits: { ...small, wallMs: 1500 },
    ends: [...memoryEnds, "limit wall"],
  },
  {
    name: "string repeat",
    language: "javascript",
    source: "const x = []; for (;;) x.push(Buffer.from('x'.repeat(2 ** 26)));",
    limits: small,
    ends: memoryEnds,
  },
  {
    name: "typed memory bomb",
    language: "typescript",
    source: "const x: number[][] = []; for (;;) x.push(new Array<number>(100000).fill(1));",
    limits: small,
    ends: memoryEnds,
  },
  {
    name: "recursion without end",
    language: "python",
    source: "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()\n",
    limits: small,
    ends: [...memoryEnds, "limit cpu"],
  },
  {
    name: "recursion without end in JavaScript",
    language: "javascript",
    source: "(function f() { f(); })();",
    ends: ["exit 1", "exit"],
    says: /call stack/,
  },

  // time
  { name: "busy loop", language: "python", source: "while True: pass\n", limits: short, ends: ["limit wall"] },
  { name: "busy loop in JavaScript", language: "javascript", source: "for (;;);", limits: short, ends: ["limit wall"] },
  {
    name: "busy loop against the limit on processor time",
    language: "python",
    source: "while True: pass\n",
    limits: { wallMs: 20_000, cpuMs: 200 },
    ends: ["limit cpu"],
  },
  {
    name: "busy children against the limit on processor time",
    language: "python",
    source: "import os, time\nfor _ in range(3):\n    if os.fork() == 0:\n        while True: pass\ntime.sleep(30)\n",
    limits: { wallMs: 20_000, cpuMs: 300 },
    ends: ["limit cpu"],
  },
  {
    name: "types that take no end to strip",
    language: "typescript",
    source: `${"<a>(".repeat(30)}b${")".repeat(30)}`,
    limits: short,
    ends: ["limit wall"],
  },
  { name: "busy native loop", language: "python", source: "print(sum(range(10**12)))\n", limits: short, ends: ["limit wall"] },
  {
    name: "busy native loop in JavaScript",
    language: "javascript",
    source: "/^(a+)+$/.test('a'.repeat(50) + 'b');",
    limits: short,
    ends: ["limit wall"],
  },
  {
    name: "catastrophic regular expression",
    language: "python",
    source: "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')\n",
    limits: short,
    ends: ["limit wall"],
  },
  { name: "sleeping", language: "python", source: "import time\ntime.sleep(1000)\n", limits: short, ends: ["limit wall"] },
  {
    name: "a promise that never settles, kept alive",
    language: "javascript",
    source: "setInterval(() => {}, 1e6); await new Promise(() => {});",
    limits: short,
    ends: ["limit wall"],
  },
  {
    name: "signals ignored",
    language: "python",
    source:
      "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass\n",
    limits: short,
    ends: ["limit wall"],
  },
  {
    name: "exit handlers that never end",
    language: "python",
    source: "import atexit\ndef f():\n    while True: pass\natexit.register(f)\nraise SystemExit(0)\n",
    limits: short,
    ends: ["limit wall"],
  },
  {
    name: "reading standard input for ever",
    language: "python",
    source: "import sys\nwhile True:\n    sys.stdin.read(1)\n",
    stdin: "x",
    limits: short,
    ends: ["limit wall"],
  },
  {
    name: "waiting for standard input that never comes",
    language: "javascript",
    source: 'process.stdin.on("end", () => console.log("ended")).resume();',
    ends: ["exit 0"],
    says: /ended/,
  },
  {
    name: "standard input held open by a child",
    language: "python",
    source: "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nprint(len(input()))\n",
    stdin: "abc\n",
    ends: ["exit 0"],
    says: /3/,
  },

  // output
  {
    name: "output flood",
    language: "python",
    source: "while True: print('x' * 10000)\n",
    limits: { outputBytes: 100_000 },
    ends: ["limit output"],
  },
  {
    name: "output flood on standard error",
    language: "javascript",
    source: 'const fs = require("node:fs"); for (;;) fs.writeSync(2, "x".repeat(65536));',
    limits: { outputBytes: 100_000 },
    ends: ["limit output"],
  },
  {
    name: "one huge line",
    language: "python",
    source: "import os\nwhile True: os.write(1, b'x' * 65536)\n",
    limits: { outputBytes: 1_000_000 },
    ends: ["limit output"],
  },
  {
    name: "streams closed to whoever opens them next",
    language: "python",
    source: `import fcntl, os
for fd in (0, 1, 2):
    try:
        os.fchmod(fd, 0)
    except OSError:
        pass
fcntl.fcntl(1, 1031, 4096)
fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK)
fcntl.flock(1, fcntl.LOCK_EX)
`,
    ends: ["exit 0"],
  },
  {
    name: "output of a child after its parent ended",
    language: "python",
    source: "import os\nif os.fork() == 0:\n    while True: os.write(1, b'x' * 4096)\nos._exit(0)\n",
    limits: { outputBytes: 10_000 },
    ends: ["exit 0", "limit output"],
  },
  { name: "output that is no text", language: "python", source: "import os\nos.write(1, bytes(range(256)))\n", ends: ["exit 0"] },
  {
    name: "one file that is too big",
    language: "python",
    source: attempt('with open("big", "wb") as f:\n    for _ in range(100): f.write(b"x" * (1 << 20))\nprint("ESCAPED")'),
    limits: { fileMiB: 8 },
    ends: ["exit 0", "limit fileSize"],
  },
  {
    name: "too many open files",
    language: "python",
    source: attempt('kept = [open("/dev/null") for _ in range(2000)]\nprint("ESCAPED")'),
    ends: ["exit 0"],
    says: /refused/,
  },
  { name: "a core dump", language: "python", source: "import ctypes\nctypes.string_at(0)\n", ends: ["signal"] },

  // files
  {
    name: "the host's users",
    language: "python",
    source: `${readAttempt("/etc/shadow")}${readAttempt("/etc/passwd")}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a file of the host",
    language: "python",
    source: ({ secretFile }) => readAttempt(secretFile),
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a file of the host in JavaScript",
    language: "javascript",
    source: ({ secretFile }) =>
      `try { console.log("ESCAPED", require("node:fs").readFileSync(${JSON.stringify(secretFile)}, "utf8")); } catch (e) { console.log("refused", e.code); }`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a link to a file of the host",
    language: "python",
    source: ({ secretFile }) => `import os\nos.symlink(${JSON.stringify(secretFile)}, "link")\n${readAttempt("link")}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "up and out by relative paths",
    language: "python",
    source: ({ secretFile }) => readAttempt(`${"../".repeat(40)}${secretFile}`),
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "the host's root through /proc",
    language: "python",
    source: ({ secretFile }) =>
      `import os\nfor p in os.listdir("/proc"):\n    if p.isdigit():\n        try: print("ESCAPED", open("/proc/" + p + "/root" + ${JSON.stringify(secretFile)}).read())\n        except OSError as e: print("refused", e)\n`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "the folder of an open descriptor",
    language: "python",
    source: `import os\nfor fd in range(3, 64):\n    try: print("ESCAPED", fd, os.readlink("/proc/self/fd/%d" % fd))\n    except OSError: pass\nprint("held")\n`,
    ends: ["exit 0"],
    says: /held/,
  },
  {
    name: "descriptors left open for Node",
    language: "javascript",
    source: `const fs = require("node:fs");
for (const fd of fs.readdirSync("/proc/self/fd")) {
  let to; try { to = fs.readlinkSync("/proc/self/fd/" + fd); } catch { continue; }
  if (Number(fd) > 2 && !/^(anon_inode|pipe|socket|\\/dev\\/null|\\/proc)/.test(to)) console.log("ESCAPED", fd, to);
}
console.log("held");
`,
    ends: ["exit 0"],
    says: /held/,
  },
  {
    name: "writing to the system folders",
    language: "python",
    source: ["/usr/bin/evil", "/usr/lib/evil", "/evil", "/dev/evil", "/run/evil", "/proc/sys/kernel/hostname", "/etc/evil"]
      .map((path) => attempt(`open(${JSON.stringify(path)}, "w").write("x")\nprint("ESCAPED", ${JSON.stringify(path)})`))
      .join(""),
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "writing to a folder of the host",
    language: "python",
    source: ({ folder }) => attempt(`open(${JSON.stringify(`${folder}/written`)}, "w").write("x")\nprint("ESCAPED")`),
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "replacing the interpreter",
    language: "javascript",
    source: `const fs = require("node:fs"); for (const f of [process.execPath, "/usr/bin/python3", "/run/driver"]) try { fs.writeFileSync(f, "x"); console.log("ESCAPED", f); } catch (e) { console.log("refused", e.code); }`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "making a read-only folder writable",
    language: "python",
    source: `${raw}\nrefused("mount", call(165, 40, None, b"/usr", None, 32, None))\n`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "files of the program before",
    language: "python",
    source:
      "import os\nprint('ESCAPED' if os.path.exists('/tmp/mark') or os.path.exists('mark') else 'clean')\nopen('/tmp/mark', 'w').write('x')\nopen('mark', 'w').write('x')\n",
    ends: ["exit 0"],
    says: /clean/,
  },
  {
    name: "files of the program before, again",
    language: "python",
    source: "import os\nprint('ESCAPED' if os.path.exists('/tmp/mark') or os.path.exists('mark') else 'clean')\n",
    ends: ["exit 0"],
    says: /clean/,
  },
  {
    name: "a device node",
    language: "python",
    source: `import os, stat${attempt('os.mknod("/tmp/disk", 0o666 | stat.S_IFBLK, os.makedev(254, 0))\nprint("ESCAPED")')}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "the machine's memory and disks",
    language: "python",
    source: ["/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/proc/kcore", "/sys/kernel/security"].map(readAttempt).join(""),
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a program with the owner's rights",
    language: "python",
    source: `import os, glob
for path in glob.glob("/usr/bin/*"):
    try:
        if os.stat(path).st_mode & 0o4000: print("found", path)
    except OSError: pass
print("ESCAPED" if "NoNewPrivs:\\t1" not in open("/proc/self/status").read() else "held")
`,
    ends: ["exit 0"],
    says: /held/,
  },

  // network
  {
    name: "a connection to the host",
    language: "python",
    source: ({ port }) => `import socket${attempt(`socket.create_connection(("127.0.0.1", ${port}), 1).send(b"x")\nprint("ESCAPED")`)}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a connection to the world",
    language: "javascript",
    source: `const s = require("node:net").connect(53, "1.1.1.1"); s.on("connect", () => console.log("ESCAPED")); s.on("error", (e) => console.log("refused", e.code));`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a name looked up",
    language: "javascript",
    source: `require("node:dns").lookup("example.com", (e, a) => console.log(e ? "refused " + e.code : "ESCAPED " + a));`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a web request",
    language: "javascript",
    source: ({ port }) =>
      `fetch("http://127.0.0.1:${port}/").then(() => console.log("ESCAPED"), (e) => console.log("refused", e.cause?.code));`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a listening socket",
    language: "python",
    source: `import socket${attempt('s = socket.socket()\ns.bind(("0.0.0.0", 0))\nprint("ESCAPED")')}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a raw, a netlink, a vsock and a packet socket",
    language: "python",
    source: `${raw}
for family in (2, 10, 16, 17, 40, 38, 1 << 20):
    refused("socket %d" % family, call(41, 198, family, 3, 0))
`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a socket of the host by its path",
    language: "python",
    source: ({ socketPath }) =>
      `import socket${attempt(`s = socket.socket(socket.AF_UNIX)\ns.connect(${JSON.stringify(socketPath)})\nprint("ESCAPED")`)}`,
    ends: ["exit 0"],
    says: /refused/,
  },

  // kernel
  {
    name: "new namespaces",
    language: "python",
    source: `${raw}
refused("unshare", call(272, 97, 0x10000000))
refused("clone", call(56, 220, 0x10000011, 0, 0, 0, 0))
refused("clone3", call(435, 435, ctypes.create_string_buffer(88), 88))
refused("setns", call(308, 268, 0, 0))
`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "tracing a process",
    language: "python",
    source: `${raw}\nrefused("ptrace", call(101, 117, 16, os.getppid() or 1, 0, 0))\nrefused("process_vm_readv", call(310, 270, 1, 0, 0, 0, 0, 0))\n`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "programs in the kernel",
    language: "python",
    source: `${raw}
refused("bpf", call(321, 280, 0, ctypes.create_string_buffer(128), 128))
refused("perf_event_open", call(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0))
refused("io_uring_setup", call(425, 425, 8, ctypes.create_string_buffer(256)))
refused("userfaultfd", call(323, 282, 0))
refused("keyctl", call(250, 219, 0, -3, 1))
refused("add_key", call(248, 217, b"user", b"x", b"y", 1, -3))
`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "a call of another table",
    language: "python",
    source: `${raw}\nprint(call(0x40000000 + 39, -1) if platform.machine() == "x86_64" else os.abort())\nprint("ESCAPED")\n`,
    ends: ["signal"],
  },
  {
    name: "the kernel's own settings",
    language: "python",
    source: ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", "/proc/1/oom_score_adj_x"]
      .map((path) => attempt(`open(${JSON.stringify(path)}, "w").write("1")\nprint("ESCAPED")`))
      .join(""),
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "becoming root",
    language: "python",
    source: `import os${attempt('os.setuid(0)\nprint("ESCAPED")')}${attempt('os.setgroups([0])\nprint("ESCAPED")')}${raw}\nstatus = open("/proc/self/status").read()\nprint("ESCAPED" if "CapEff:\\t0000000000000000" not in status or "CapBnd:\\t0000000000000000" not in status else "held")\n`,
    ends: ["exit 0"],
    says: /held/,
  },
  {
    name: "raising its own limits",
    language: "python",
    source: `import resource${attempt('resource.setrlimit(resource.RLIMIT_NPROC, (10**6, 10**6))\nprint("ESCAPED")')}${attempt('resource.setrlimit(resource.RLIMIT_FSIZE, (2**40, 2**40))\nprint("ESCAPED")')}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "the machine's name and clock",
    language: "python",
    source: `import socket, time\nprint("ESCAPED" if socket.gethostname() != "jail" else "held")${attempt('time.clock_settime(time.CLOCK_REALTIME, 0)\nprint("ESCAPED")')}`,
    ends: ["exit 0"],
    says: /held\n.*refused/,
  },
  {
    name: "typing into the terminal",
    language: "python",
    source: `import fcntl${attempt('fcntl.ioctl(0, 0x5412, b"x")\nprint("ESCAPED")')}${attempt('open("/dev/tty", "w").write("x")\nprint("ESCAPED")')}`,
    ends: ["exit 0"],
    says: /refused/,
  },

  // signals and /proc
  {
    name: "signals to processes of the host",
    language: "python",
    source: ({ pid }) => `import os, signal${attempt(`os.kill(${pid}, signal.SIGKILL)\nprint("ESCAPED")`)}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "signals to everybody",
    language: "python",
    source: `import os, signal${attempt("os.kill(-1, signal.SIGKILL)\nprint('sent to nobody but itself')")}print("done")\n`,
    ends: ["exit 0"],
    says: /done/,
  },
  {
    name: "processes of the host in /proc",
    language: "python",
    source: `import os\nseen = sorted(int(p) for p in os.listdir("/proc") if p.isdigit())\nprint("ESCAPED" if len(seen) > 2 else "held", seen)\n`,
    ends: ["exit 0"],
    says: /held/,
  },
  {
    name: "the environment and the command line of its first process",
    language: "python",
    source: `data = open("/proc/1/environ").read()\nprint("ESCAPED" if any(name in data for name in ("USER=", "TOKEN", "KEY", "NODE", "PWD=/root")) else "held", data)\n`,
    ends: ["exit 0"],
    says: /held/,
  },
  {
    name: "the memory of its first process",
    language: "python",
    source: `import os
if os.fork() == 0:
    try:
        with open("/proc/1/mem", "r+b", 0) as memory:
            print("itself, and nothing of the supervisor's")
    except OSError as error:
        print("refused", error)
    os._exit(0)
os.wait()
`,
    ends: ["exit 0"],
  },
  {
    name: "control groups",
    language: "python",
    source: `import os${attempt('os.listdir("/sys/fs/cgroup")\nprint("ESCAPED")')}`,
    ends: ["exit 0"],
    says: /refused/,
  },

  // the channel and the interpreter
  {
    name: "the channel its program came through",
    language: "python",
    source: `import os${attempt('os.write(3, b"exit 0, all tests passed")\nprint("ESCAPED")')}${attempt('os.write(4, b"exit 0")\nprint("ESCAPED")')}${attempt('os.write(9, b"exit 0\\\\n")\nprint("ESCAPED")')}`,
    ends: ["exit 0"],
    says: /refused/,
  },
  {
    name: "the channel its program came through, in JavaScript",
    language: "javascript",
    source: `let free = true; try { require("node:fs").writeSync(3, "x"); } catch { free = false; } console.log(free && require("node:fs").readlinkSync("/proc/self/fd/3").startsWith("socket") ? "ESCAPED" : "held");`,
    ends: ["exit 0"],
    says: /held/,
  },
  {
    name: "builtins replaced for the program after",
    language: "python",
    source:
      "import builtins, sys, json\nbuiltins.print = lambda *a: None\nbuiltins.len = lambda x: 42\njson.dumps = None\nsys.modules['os'] = None\n",
    ends: ["exit 0"],
  },
  {
    name: "prototypes replaced for the program after",
    language: "javascript",
    source:
      "Array.prototype.map = Object.prototype.toString = JSON.stringify = console.log = () => 'ESCAPED'; Object.prototype.polluted = 1; globalThis.Map = null;",
    ends: ["exit 0"],
  },
  {
    name: "a module left in the interpreter's cache",
    language: "javascript",
    source: `const m = require("node:module"); m._load = () => ({ evil: true }); process.binding = null; process.on("exit", () => { process.exitCode = 0; });`,
    ends: ["exit 0"],
  },
  { name: "exit code forged by a signal's number", language: "python", source: "import os\nos._exit(137)\n", ends: ["signal", "exit"] },
  {
    name: "killing itself",
    language: "python",
    source: "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nprint('still here')\n",
    ends: ["exit 0", "signal"],
  },
];
