// Says what to do when npm runs a script with a Node that cannot run TypeScript files. Plain JavaScript, so that any Node can read it.
// npm puts node_modules/.bin first on the path, and the dev dependency "node" puts Node 24 there.

if (Number(process.versions.node.split(".")[0]) < 24) {
  console.error(
    `whetstone: Node 24 or newer is needed, got ${process.version}; run "npm ci" in this folder (without --omit=dev), which brings it, or install it`,
  );
  process.exit(2);
}
