// Units of measure by name: one spelling for each, so that "inches^2", "square inches" and "sq in" are one unit. Units are compared and
// never converted: 100 cm is not read as 1 m. Words that are not in the table keep their own name, without a plural ending.

const spellings: Readonly<Record<string, string>> = {
  mm: "millimeter millimetre mm",
  cm: "centimeter centimetre cm",
  m: "meter metre",
  km: "kilometer kilometre km",
  inch: "inch inche",
  ft: "foot feet ft",
  yd: "yard yd",
  mi: "mile mi",
  mg: "milligram mg",
  g: "gram gramme gm",
  kg: "kilogram kg",
  lb: "pound lb",
  oz: "ounce oz",
  ml: "milliliter millilitre ml",
  l: "liter litre",
  s: "second sec",
  min: "minute min",
  h: "hour hr",
  day: "day",
  week: "week wk",
  month: "month",
  year: "year yr",
  mph: "mph",
  kph: "kph kmh",
  degree: "degree deg",
  radian: "radian rad",
  dollar: "dollar usd buck",
  cent: "cent",
  euro: "euro eur €",
  gbp: "gbp £",
  yen: "yen ¥",
};

const canonical = new Map(Object.entries(spellings).flatMap(([unit, names]) => names.split(" ").map((name) => [name, unit] as const)));

/** Names of units that are too short to be told from products of variables otherwise. */
export const shortUnits: ReadonlySet<string> = new Set([...canonical.keys()].filter((name) => name.length <= 3));

/** Words that count without measuring. */
const empty = new Set(["unit", "total", "of", "the", "a", "an", "in"]);
const scales = /^(?:hundred|thousand|million|billion|trillion|dozen)s?$/;

/** Words and powers after a number, such as ["cm", "^2"] or ["square", "inches"], as one name; undefined when they are no unit. */
export function unitName(parts: readonly string[]): string | undefined {
  const words = parts.flatMap((part) => part.toLowerCase().split(/[\s~.]+/)).filter((word) => word !== "");
  let pending = "";
  const names: string[] = [];
  for (const word of words) {
    if (scales.test(word) || /\d/.test(word.replace(/\^\d$/, ""))) return undefined;
    const raised = /^\^(\d)$/.exec(word)?.[1];
    if (raised !== undefined) names.push(`${names.pop() ?? ""}^${raised}`);
    else if (/^(?:square|sq)$/.test(word)) pending = "^2";
    else if (/^(?:cubic|cu)$/.test(word)) pending = "^3";
    else if (/^(?:squared|cubed)$/.test(word)) names.push(`${names.pop() ?? ""}^${word === "squared" ? 2 : 3}`);
    else if (word === "per" || word === "/") names.push("/");
    else {
      const inner = /^(.*?)(\^\d)$/.exec(word);
      const [name, power] = inner === null ? [word, pending] : [inner[1]!, inner[2]!];
      pending = "";
      const known = singular(name);
      if (!empty.has(known)) names.push(known + power);
    }
  }
  return names.filter((name) => !name.startsWith("^")).join(" ");
}

function singular(word: string): string {
  const known = canonical.get(word);
  if (known !== undefined) return known;
  const stem = word.length > 2 ? word.replace(/(?<!s)s$/, "") : word;
  return canonical.get(stem) ?? stem;
}
