import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { evaluateExpression } from "../../../src/rewards/verifiable/expression.ts";
import { add, multiply, type Rational, subtract, whole, within } from "../../../src/rewards/verifiable/rational.ts";

function assertWorth(text: string, value: Rational, numbers: readonly bigint[]): void {
  const evaluated = evaluateExpression(text);
  assert.ok(evaluated.kind === "value", `${text}: ${evaluated.kind === "refused" ? evaluated.why : ""}`);
  assert.ok(within(evaluated.value, value, whole(0n)), `${text} is ${evaluated.value.numerator}/${evaluated.value.denominator}`);
  assert.deepEqual(evaluated.numbers, numbers);
}

describe("evaluateExpression", () => {
  test("knows precedence, brackets and order from the left", () => {
    assertWorth("2+3*4", whole(14n), [2n, 3n, 4n]);
    assertWorth("(2+3)*4", whole(20n), [2n, 3n, 4n]);
    assertWorth("10-3-2", whole(5n), [10n, 3n, 2n]);
    assertWorth("12/3/2", whole(2n), [12n, 3n, 2n]);
    assertWorth(" ( ( 7 ) ) ", whole(7n), [7n]);
  });

  test("computes fractions exactly", () => {
    assertWorth("1/3+1/3+1/3", whole(1n), [1n, 3n, 1n, 3n, 1n, 3n]);
    assertWorth("8/(3-8/3)", whole(24n), [8n, 3n, 8n, 3n]);
    assertWorth("6/(2-5)+3", whole(1n), [6n, 2n, 5n, 3n]);
  });

  test("refuses everything else and says where", () => {
    const refusals: readonly (readonly [string, RegExp])[] = [
      ["", /ends too early/],
      ["2+", /ends too early/],
      ["(2+3", /ends too early/],
      ["2+3)", /unexpected "\)" at character 4/],
      ["2 3", /unexpected "3" at character 3/],
      ["-3", /unexpected "-"/],
      ["2**3", /unexpected "\*"/],
      ["1.5", /unexpected "."/],
      ["process.exit()", /unexpected "p"/],
      ["4/(2-2)", /division by zero/],
      [`${"(".repeat(60)}1${")".repeat(60)}`, /nested beyond/],
      ["9".repeat(16), /digits/],
      ["1+".repeat(600), /characters/],
    ];
    for (const [text, why] of refusals) {
      const evaluated = evaluateExpression(text);
      assert.ok(evaluated.kind === "refused", text);
      assert.match(evaluated.why, why);
    }
  });

  test("agrees with a tree evaluated while it is written", () => {
    const leaf = fc.integer({ min: 0, max: 999 }).map((n) => ({ text: `${n}`, value: whole(BigInt(n)) }));
    const { tree } = fc.letrec<{ tree: { text: string; value: Rational } }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.tuple(tie("tree"), fc.constantFrom("+", "-", "*"), tie("tree")).map(([a, sign, b]) => ({
          text: `(${a.text}${sign}${b.text})`,
          value: (sign === "+" ? add : sign === "-" ? subtract : multiply)(a.value, b.value),
        })),
      ),
    }));
    fc.assert(
      fc.property(tree, ({ text, value }) => {
        const evaluated = evaluateExpression(text);
        assert.ok(evaluated.kind === "value");
        assert.ok(within(evaluated.value, value, whole(0n)));
      }),
    );
  });
});
