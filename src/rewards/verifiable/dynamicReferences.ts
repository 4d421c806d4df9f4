// $dynamicRef as the $ref that it is for one schema: no other schema refers to a task's, so that evaluation always starts at its root and
// the outermost resource is known beforehand (draft 2020-12, core, 8.2.3.2). Where it is not, the reference is refused.

import type { Json } from "../../base/json.ts";

/** What a subschema's $dynamicRef refers to, or why that is not told. */
export type Resolved = { readonly kind: "ref"; readonly ref: string } | { readonly kind: "refused"; readonly why: string };

/** A part of the schema with an $id of its own. */
interface Resource {
  readonly id: string | undefined;
  /** Dynamic anchors, and where they stand below the root of the whole, as a JSON pointer. */
  readonly anchors: Map<string, string>;
}

/** A subschema and the tokens that lead to it from the one above, such as "/items" and "/allOf/0". */
export type Part = readonly [pointer: string, subschema: Json];

/** Says what the $dynamicRef of a subschema of `schema` refers to. `partsOf` lists the subschemas right below one. */
export function dynamicReferences(schema: Json, partsOf: (subschema: object) => readonly Part[]): (subschema: object) => Resolved {
  const resources: Resource[] = [];
  const home = new Map<object, Resource>();
  const left: { readonly part: Json; readonly at: string; readonly within: Resource | undefined }[] = [
    { part: schema, at: "", within: undefined },
  ];
  while (left.length > 0) {
    const { part, at, within } = left.pop()!;
    if (typeof part !== "object" || part === null || Array.isArray(part)) continue;
    const { $id: id, $dynamicAnchor: anchor } = part as { readonly [key: string]: Json };
    const opens = within === undefined || (typeof id === "string" && !id.startsWith("#"));
    const resource = opens ? { id: typeof id === "string" ? id : undefined, anchors: new Map<string, string>() } : within;
    if (opens) resources.push(resource);
    if (typeof anchor === "string") resource.anchors.set(anchor, at);
    home.set(part, resource);
    for (const [below, inner] of partsOf(part)) left.push({ part: inner, at: at + below, within: resource });
  }
  return (subschema) => resolve(String(Reflect.get(subschema, "$dynamicRef")), { own: home.get(subschema)!, resources });
}

function resolve(ref: string, { own, resources }: { readonly own: Resource; readonly resources: readonly Resource[] }): Resolved {
  const name = /^#([A-Za-z_][\w.-]*)$/.exec(ref)?.[1];
  if (name === undefined || !own.anchors.has(name)) return ref.startsWith("#") ? { kind: "ref", ref } : elsewhere;
  if (!resources.some((other) => other !== own && other.anchors.has(name))) return { kind: "ref", ref };
  const root = resources[0]!;
  const pointer = root.anchors.get(name);
  if (pointer === undefined) return { kind: "refused", why: "may refer to several resources, of which none is the root" };
  if (root.id === undefined) return { kind: "refused", why: "refers to the root, which needs an $id for it" };
  return { kind: "ref", ref: root.id.split("#", 1)[0]! + (pointer === "" ? "" : `#${pointer}`) };
}

const elsewhere: Resolved = { kind: "refused", why: "must be # and the name of an anchor" };
