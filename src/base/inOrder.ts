// Work on a stream of items, several at once, with results in the order of the items. A result is passed on as soon as it and all
// before it are there, whether or not more items have come. An error of the source comes after the results of what it gave before.

/** `work(item)` for each item; at most `numAhead` items are worked on, or wait for an earlier one, at the same time. */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  { work, numAhead }: { readonly work: (item: Item) => Promise<Result>; readonly numAhead: number },
): AsyncGenerator<Result> {
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : eachOf(items);
  const started: Promise<Result>[] = [];
  let reading: Promise<Read<Item>> | undefined = read(source);
  let failure: { readonly cause: unknown } | undefined;
  try {
    while (reading !== undefined || started.length > 0) {
      const head = started.slice(0, 1).map((each) => each.then((result) => ({ kind: "result", result }) as const));
      const next = reading === undefined || started.length === numAhead ? [] : [reading];
      const come = await Promise.race([...head, ...next]);
      if (come.kind === "result") {
        started.shift();
        yield come.result;
      } else if (come.kind === "item") {
        const result = work(come.item);
        result.catch(() => {}); // awaited in its turn
        started.push(result);
        reading = read(source);
      } else {
        reading = undefined;
        if (come.kind === "failed") failure = come;
      }
    }
  } finally {
    // Not awaited: a source that waits for input would not hear of it before some comes.
    source.return?.().catch(() => {});
  }
  if (failure !== undefined) throw failure.cause;
}

async function* eachOf<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

type Read<Item> =
  | { readonly kind: "item"; readonly item: Item }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly cause: unknown };

async function read<Item>(source: AsyncIterator<Item>): Promise<Read<Item>> {
  try {
    const next = await source.next();
    return next.done === true ? { kind: "end" } : { kind: "item", item: next.value };
  } catch (cause) {
    return { kind: "failed", cause };
  }
}
