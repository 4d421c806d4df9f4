// Expressions made at random, written in two ways that share no code with the verifier, and changed a little. A second opinion decides
// whether a change is one: values modulo a prime, or floats.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { rngFor } from "../../../src/base/rng.ts";
import { math } from "../../../src/rewards/verifiable/math.ts";
import { verifierContext } from "../../support/verifierContext.ts";

type Tree =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "name"; readonly name: "x" | "y" }
  | { readonly kind: "root"; readonly of: number }
  | { readonly kind: "add" | "times"; readonly left: Tree; readonly right: Tree }
  | { readonly kind: "over"; readonly above: Tree; readonly below: number }
  | { readonly kind: "power"; readonly base: Tree; readonly exponent: number };

function score(gold: string, answer: string): number {
  const task = { id: "t", family: "tests", messages: [], verifier: "math", reference: null };
  const context = { ...verifierContext(), rng: rngFor("properties", gold, answer) };
  const verdict = math.verify(
    { task, reference: math.reference.parse({ answer: gold }), answer: `\\boxed{${answer}}`, thinking: "" },
    context,
  );
  assert.ok("kind" in verdict && verdict.kind === "scored", JSON.stringify(verdict));
  return verdict.score;
}

const leaves = (roots: boolean): fc.Arbitrary<Tree> =>
  fc.oneof(
    fc.integer({ min: 0, max: 30 }).map((value): Tree => ({ kind: "number", value })),
    fc.constantFrom("x" as const, "y" as const).map((name): Tree => ({ kind: "name", name })),
    ...(roots ? [fc.integer({ min: 2, max: 30 }).map((of): Tree => ({ kind: "root", of }))] : []),
  );

const trees = (roots: boolean): fc.Arbitrary<Tree> =>
  fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaves(roots),
      fc.record({ kind: fc.constantFrom("add" as const, "times" as const), left: tie("tree"), right: tie("tree") }),
      fc.record({ kind: fc.constant("over" as const), above: tie("tree"), below: fc.integer({ min: 2, max: 9 }) }),
      fc.record({ kind: fc.constant("power" as const), base: tie("tree"), exponent: fc.integer({ min: 2, max: 3 }) }),
    ),
  })).tree;

/** LaTeX, in the order of the tree. */
function latex(tree: Tree): string {
  switch (tree.kind) {
    case "number":
      return `${tree.value}`;
    case "name":
      return tree.name;
    case "root":
      return `\\sqrt{${tree.of}}`;
    case "add":
      return `\\left(${latex(tree.left)} + ${latex(tree.right)}\\right)`;
    case "times":
      return `${latex(tree.left)} \\cdot ${latex(tree.right)}`;
    case "over":
      return `\\frac{${latex(tree.above)}}{${tree.below}}`;
    case "power":
      return `\\left(${latex(tree.base)}\\right)^{${tree.exponent}}`;
    default:
      return tree satisfies never;
  }
}

/** Plain, in the opposite order, with sums multiplied out, powers as products and quotients as factors. */
function plain(tree: Tree): string {
  switch (tree.kind) {
    case "number":
      return `(${tree.value + 7} - 7)`;
    case "name":
      return tree.name;
    case "root":
      return `(4*${tree.of})^(1/2)/2`;
    case "add":
      return `(${plain(tree.right)} - (-${plain(tree.left)}))`;
    case "times":
      if (tree.left.kind === "add") {
        const of = (part: Tree): string => plain({ kind: "times", left: part, right: tree.right });
        return `(${of(tree.left.left)} + ${of(tree.left.right)})`;
      }
      return `(${plain(tree.right)})*(${plain(tree.left)})`;
    case "over":
      return `(1/${tree.below})*(${plain(tree.above)})`;
    case "power":
      return Array.from({ length: tree.exponent }, () => `(${plain(tree.base)})`).join("*");
    default:
      return tree satisfies never;
  }
}

const prime = 2n ** 61n - 1n;

function powerModulo(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let [square, left] = [base, exponent]; left > 0n; left >>= 1n, square = (square * square) % prime) {
    if (left & 1n) result = (result * square) % prime;
  }
  return result;
}

/** The value of a tree without roots at a point, modulo a prime. */
function modulo(tree: Tree, point: { readonly x: bigint; readonly y: bigint }): bigint {
  const at = (inner: Tree): bigint => modulo(inner, point);
  switch (tree.kind) {
    case "number":
      return BigInt(tree.value);
    case "name":
      return point[tree.name];
    case "add":
      return (at(tree.left) + at(tree.right)) % prime;
    case "times":
      return (at(tree.left) * at(tree.right)) % prime;
    case "over":
      return (at(tree.above) * powerModulo(BigInt(tree.below), prime - 2n)) % prime;
    case "power":
      return powerModulo(at(tree.base), BigInt(tree.exponent));
    default:
      throw new Error(`no ${tree.kind} modulo a prime`);
  }
}

/** Every tree that differs from `tree` in one number, name or operator. */
function changes(tree: Tree): Tree[] {
  switch (tree.kind) {
    case "number":
      return [{ ...tree, value: tree.value + 1 }];
    case "name":
      return [{ ...tree, name: tree.name === "x" ? "y" : "x" }];
    case "root":
      return [{ ...tree, of: tree.of + 1 }];
    case "add":
    case "times":
      return [
        { ...tree, kind: tree.kind === "add" ? "times" : "add" },
        ...changes(tree.left).map((left) => ({ ...tree, left })),
        ...changes(tree.right).map((right) => ({ ...tree, right })),
      ];
    case "over":
      return [{ ...tree, below: tree.below + 1 }, ...changes(tree.above).map((above) => ({ ...tree, above }))];
    case "power":
      return [{ ...tree, exponent: tree.exponent + 1 }, ...changes(tree.base).map((base) => ({ ...tree, base }))];
    default:
      return tree satisfies never;
  }
}

const points = [
  { x: 123456789012345n, y: 987654321098765n },
  { x: 5555555555555n, y: 1234567n },
];

/** Within the caps of a final answer, so that what is tested is equality. */
const isShort = (tree: Tree): boolean => latex(tree).length < 800 && plain(tree).length < 3000;

describe("math on random expressions", () => {
  test("equals every expression to itself, written in another way", () => {
    fc.assert(
      fc.property(trees(true).filter(isShort), (tree) => {
        assert.equal(score(latex(tree), plain(tree)), 1, `${latex(tree)}\n${plain(tree)}`);
      }),
      { numRuns: 300 },
    );
  });

  test("agrees with arithmetic modulo a prime on whether a change is one", () => {
    let numDifferent = 0;
    fc.assert(
      fc.property(trees(false).filter(isShort), fc.nat(), (tree, pick) => {
        const all = changes(tree);
        const changed = all[pick % all.length]!;
        const same = points.every((point) => modulo(tree, point) === modulo(changed, point));
        numDifferent += Number(!same);
        assert.equal(score(latex(tree), plain(changed)), same ? 1 : 0, `${latex(tree)}\n${latex(changed)}`);
      }),
      { numRuns: 300 },
    );
    assert.ok(numDifferent > 150, `only ${numDifferent} changes changed anything`);
  });

  test("tells decimals that differ in any one digit, and none that do not", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 40n }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 39 }),
        (digits, places, at) => {
          const text = (value: bigint): string => {
            const padded = value.toString().padStart(places + 1, "0");
            return `${padded.slice(0, -places)}.${padded.slice(-places)}`;
          };
          assert.equal(score(text(digits), `\\frac{${digits * 3n}}{${3n * 10n ** BigInt(places)}}`), 1);
          assert.equal(score(text(digits), text(digits + 10n ** BigInt(at))), 0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("tells sums of square roots apart however close they are", () => {
    // sqrt(n) + sqrt(n + 2) is near 2 sqrt(n + 1), and never equal
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 60n }), (n) => {
        assert.equal(score(`\\sqrt{${n}} + \\sqrt{${n + 2n}}`, `2\\sqrt{${n + 1n}}`), 0);
        assert.equal(score(`\\sqrt{${n}} + \\sqrt{${4n * n}}`, `\\sqrt{${9n * n}}`), 1);
        assert.equal(score(`\\sqrt{${n} + 2\\sqrt{${n - 1n}}}`, `1 + \\sqrt{${n - 1n}}`), 1);
      }),
      { numRuns: 200 },
    );
  });

  test("takes members of sets in any order, and misses none", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: -999, max: 999 }), { minLength: 2, maxLength: 8 }), fc.nat(), (members, pick) => {
        const at = pick % members.length;
        const rotated = [...members.slice(at), ...members.slice(0, at)];
        const set = (items: readonly number[]): string => `\\{${items.join(", ")}\\}`;
        assert.equal(score(set(members), set(rotated)), 1);
        assert.equal(score(members.join(", "), rotated.map((member) => `\\frac{${2 * member}}{2}`).join(" , ")), 1);
        assert.equal(score(set(members), set(members.filter((_, index) => index !== at))), 0);
        assert.equal(score(set(members), set([...members, 1000])), 0);
        assert.equal(score(`(${members.join(",")})`, `(${rotated.join(",")})`), at === 0 ? 1 : 0);
      }),
      { numRuns: 200 },
    );
  });

  test("throws on no text and scores none of what a random string says", () => {
    const pieces = [
      "\\frac",
      "{",
      "}",
      "(",
      ")",
      "[",
      "]",
      "^",
      "_",
      "1",
      "23",
      "x",
      "\\sqrt",
      ",",
      "=",
      "<",
      "\\le",
      "|",
      "\\pm",
      "!",
      "%",
      " or ",
      "\\cup",
      "\\{",
      "\\}",
      "-",
      "/",
      "\\text{a}",
      "e",
      "i",
      "\\pi",
      "°",
      "\\sin",
      "\\log",
      ".",
      "$",
      "\\infty",
      "&",
      "\\\\",
      "\\begin{pmatrix}",
      "\\end{pmatrix}",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 14 }), (parts) => {
        assert.equal(score("123456.789\\sqrt{77}", parts.join("")), 0);
      }),
      { numRuns: 3000 },
    );
  });
});
