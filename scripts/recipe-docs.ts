// Writes docs/recipe.md from the schemas: `npx node scripts/recipe-docs.ts`.
// A test fails while the page and the schemas differ.

import { writeFileSync } from "node:fs";

import { recipePage } from "../src/runs/recipePage.ts";

writeFileSync(new URL("../docs/recipe.md", import.meta.url), recipePage());
