import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type Machine, planPackages } from "../../scripts/systemPackages.ts";

const debian = (...there: readonly string[]): Machine => ({
  exists: (path) => ["/usr/bin/apt-get", ...there].includes(path),
  isRoot: true,
  isLinux: true,
});
const files = ["test/base/rng.test.ts", "test/sandbox/escape.test.ts"];

describe("planPackages", () => {
  test("asks for nothing when all is there, or when no test needs it", () => {
    assert.deepEqual(planPackages(files, debian("/usr/bin/bwrap", "/usr/bin/python3")), { kind: "ready" });
    assert.deepEqual(planPackages(["test/base/rng.test.ts", "test/architecture.test.ts"], debian()), { kind: "ready" });
  });
  test("installs what is missing as root on Debian, after fetching lists if it has to", () => {
    const install = "apt-get install -y --no-install-recommends bubblewrap";
    assert.deepEqual(planPackages(files, debian("/usr/bin/python3")), {
      kind: "install",
      command: `${install} || { apt-get update && ${install}; }`,
    });
    const plan = planPackages(files, debian());
    assert.ok(plan.kind === "install" && plan.command.startsWith(`${install} python3 ||`));
  });
  test("prints the one command where it may not", () => {
    assert.deepEqual(planPackages(files, { ...debian(), isRoot: false }), {
      kind: "refuse",
      message:
        "test: bubblewrap and python3 must be there; install it with: sudo apt-get install -y --no-install-recommends bubblewrap python3",
    });
    const other = planPackages(files, { exists: () => false, isRoot: true, isLinux: true });
    assert.ok(other.kind === "refuse" && /package manager, on Debian: apt-get install/.test(other.message));
    const mac = planPackages(files, { exists: () => false, isRoot: false, isLinux: false });
    assert.ok(mac.kind === "refuse" && /Linux container/.test(mac.message));
  });
});
