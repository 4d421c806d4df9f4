import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { polyline, svgPicture, svgText } from "../../src/base/svg.ts";

describe("svgText", () => {
  test("writes coordinates with one decimal, and no colour where none is given", () => {
    assert.equal(svgText({ x: 3, y: 7.25, content: "a" }), '<text x="3.0" y="7.3" text-anchor="middle">a</text>');
    const coloured = svgText({ x: 0.06, y: 1, content: "a", anchor: "end", colour: "red" });
    assert.equal(coloured, '<text x="0.1" y="1.0" text-anchor="end" fill="red">a</text>');
  });

  test("shows any content as it is written", () => {
    assert.match(svgText({ x: 0, y: 0, content: "<a> & &lt;" }), />&lt;a&gt; &amp; &amp;lt;<\/text>$/);
  });
});

describe("polyline", () => {
  test("goes through its points, dashed where dashes are given", () => {
    const points = [
      { x: 1, y: 2 },
      { x: 3.25, y: 4 },
    ];
    const solid = '<polyline points="1.0,2.0 3.3,4.0" fill="none" stroke="red" stroke-width="1.8"/>';
    assert.equal(polyline(points, { colour: "red", width: 1.8 }), solid);
    assert.match(polyline(points, { colour: "red", width: 1.8, dashes: "5 4" }), / stroke-dasharray="5 4"\/>$/);
  });
});

describe("svgPicture", () => {
  test("holds its parts one a line, under a title that cannot break it", () => {
    const lines = svgPicture(["<a/>", "<b/>"], { width: 6, height: 4, title: "a & b" }).split("\n");
    assert.match(lines[0]!, /^<svg .* viewBox="0 0 6 4"/);
    assert.deepEqual(lines.slice(1), [
      "<title>a &amp; b</title>",
      '<rect width="6" height="4" fill="white"/>',
      "<a/>",
      "<b/>",
      "</svg>",
      "",
    ]);
  });
});
