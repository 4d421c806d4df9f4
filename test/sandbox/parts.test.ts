// The parts of the sandbox that decide without doing: user ids, places for control groups, what an end is called, what a refusal means.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { advice, jailArguments } from "../../sandbox/bubblewrap.ts";
import { placesFrom } from "../../sandbox/cgroups.ts";
import { defaultLimits } from "../../sandbox/client.ts";
import { encodeProgram, endOf } from "../../sandbox/interpreter.ts";
import { chooseUserId, idRanges, idsPerSupervisor } from "../../sandbox/uids.ts";

describe("chooseUserId", () => {
  const all = idRanges("         0          0 4294967295\n");
  test("gives no two slots of no two supervisors the same id", () => {
    const seen = new Set<number>();
    for (const pid of [1, 2, 3, 4_194_303])
      for (let slot = 0; slot < idsPerSupervisor; slot++) seen.add(chooseUserId({ slot, pid, ranges: all }));
    assert.equal(seen.size, 4 * idsPerSupervisor);
    assert.ok(Math.max(...seen) < 2 ** 32 - 2 && Math.min(...seen) > 2 ** 28);
  });
  test("stays within what a container maps, away from root and people", () => {
    const ranges = idRanges("0 100000 65536\n");
    for (let slot = 0; slot < 64; slot++) {
      const id = chooseUserId({ slot, pid: 1234, ranges });
      assert.ok(id >= 20_000 && id < 65_534, `${id}`);
    }
  });
});

describe("placesFrom", () => {
  const one =
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct 0 0\n";
  test("finds the trees of version 1 below this process's own groups", () => {
    const [place] = placesFrom(one, "3:cpu,cpuacct:/\n2:pids:/a\n1:memory:/a/b\n0::/\n");
    assert.deepEqual(place, { version: 1, memory: "/sys/fs/cgroup/memory/a/b", pids: "/sys/fs/cgroup/pids/a", cpu: "/sys/fs/cgroup/cpu" });
  });
  test("tries, in version 2, this process's own group and the one above", () => {
    const places = placesFrom("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", "0::/user.slice/app.scope\n");
    assert.deepEqual(
      places.map(({ version, memory }) => [version, memory]),
      [
        [2, "/sys/fs/cgroup/user.slice/app.scope"],
        [2, "/sys/fs/cgroup/user.slice"],
      ],
    );
  });
  test("finds none where none is mounted", () => assert.deepEqual(placesFrom("proc /proc proc rw 0 0\n", "0::/\n"), []));
});

describe("endOf", () => {
  const calm = { reason: undefined, cpuMs: 5, limits: defaultLimits, memoryKills: 0 } as const;
  const cases = [
    ["an exit code", { ...calm, exit: { code: 3, signal: null } }, { kind: "exit", code: 3 }],
    ["a code that no signal has", { ...calm, exit: { code: 255, signal: null } }, { kind: "exit", code: 255 }],
    ["128 and a signal's number", { ...calm, exit: { code: 139, signal: null } }, { kind: "signal", signal: "SIGSEGV" }],
    ["a signal to a plain child", { ...calm, exit: { code: null, signal: "SIGABRT" } }, { kind: "signal", signal: "SIGABRT" }],
    ["what the supervisor killed for", { ...calm, reason: "wall", exit: { code: 137, signal: null } }, { kind: "limit", limit: "wall" }],
    ["the kernel's own limit on time", { ...calm, exit: { code: 152, signal: null } }, { kind: "limit", limit: "cpu" }],
    ["a kill after all time was used", { ...calm, cpuMs: 10_000, exit: { code: 137, signal: null } }, { kind: "limit", limit: "cpu" }],
    ["a kill for memory", { ...calm, memoryKills: 1, exit: { code: 137, signal: null } }, { kind: "limit", limit: "memory" }],
    ["the limit on files", { ...calm, exit: { code: 153, signal: null } }, { kind: "limit", limit: "fileSize" }],
  ] as const;
  for (const [name, input, expected] of cases) test(name, () => assert.deepEqual(endOf(input), expected));
});

describe("jailArguments", () => {
  const args = jailArguments({ filterFd: 5, infoFd: 4, driverFd: 6, fileBytes: 1 << 20 }, ["--ro-bind", "/usr", "/usr"]);
  test("takes every namespace, all capabilities and the environment away", () => {
    for (const flag of ["user", "pid", "net", "ipc", "uts", "cgroup-try"]) assert.ok(args.includes(`--unshare-${flag}`), flag);
    for (const flag of ["--disable-userns", "--as-pid-1", "--die-with-parent", "--new-session", "--clearenv"])
      assert.ok(args.includes(flag), flag);
    assert.equal(args[args.indexOf("--cap-drop") + 1], "ALL");
    assert.ok(!args.includes("--bind") && !args.includes("--dev-bind") && !args.includes("--share-net"));
  });
  test("bounds every place that can be written and closes the rest", () => {
    const tmpfs = args.flatMap((arg, i) => (arg === "--tmpfs" ? [i] : []));
    for (const i of tmpfs) assert.deepEqual(args.slice(i - 2, i), ["--size", String(1 << 20)]);
    const closed = args.flatMap((arg, i) => (arg === "--remount-ro" ? [args[i + 1]] : []));
    assert.deepEqual(closed, ["/dev", "/"]);
  });
});

describe("advice", () => {
  test("names the setting that stands behind a refusal", () => {
    assert.match(advice("bwrap: setting up uid map: Permission denied"), /apparmor_restrict_unprivileged_userns/);
    assert.match(advice("bwrap: No permissions to create new namespace"), /unprivileged_userns_clone/);
    assert.match(advice("bwrap: Unknown option --disable-userns"), /too old/);
  });
});

describe("encodeProgram", () => {
  test("writes lengths in bytes, not characters", () => {
    const bytes = encodeProgram({ files: { a: "é" }, entry: "a", args: ["é€"], stdin: new Uint8Array([1, 2]) }, true);
    assert.deepEqual(
      [...bytes],
      [
        0, 0, 0, 1, 97, 0, 0, 0, 1, 0, 0, 0, 5, 195, 169, 226, 130, 172, 0, 0, 0, 1, 0, 0, 0, 1, 97, 0, 0, 0, 2, 195, 169, 0, 0, 0, 2, 1, 2,
        0, 0, 0, 1,
      ],
    );
  });
});
