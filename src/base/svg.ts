// The shapes that pictures of curves are made of, as SVG. What is drawn and where it stands is for whoever draws. Coordinates are written
// with one decimal.

/** Colours of lines, in the order in which they are given out. */
export const palette = ["#1f6feb", "#d1242f", "#1a7f37", "#8250df", "#bf8700", "#0a7ea4", "#6e7781", "#e16f24"];

/** A whole picture on white; `parts` become lines of the file. */
export function svgPicture(
  parts: readonly string[],
  { width, height, title }: { readonly width: number; readonly height: number; readonly title: string },
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

interface Text {
  readonly x: number;
  readonly y: number;
  /** Any text: metrics and files may have any name. */
  readonly content: string;
  readonly anchor?: "start" | "middle" | "end";
  /** Absent: the viewer's, which is black. */
  readonly colour?: string;
}

/** A line of text whose `anchor` stands at (x, y). */
export function svgText({ x, y, content, anchor = "middle", colour }: Text): string {
  const fill = colour === undefined ? "" : ` fill="${colour}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${fill}>${escaped(content)}</text>`;
}

/** A pale line across, from one margin to the other. */
export function gridLine({ x1, x2, y }: { readonly x1: number; readonly x2: number; readonly y: number }): string {
  return `<line x1="${x1}" x2="${x2}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="#ddd"/>`;
}

/** A curve through `points`; `dashes` as SVG takes them. */
export function polyline(
  points: readonly { readonly x: number; readonly y: number }[],
  { colour, width, dashes }: { readonly colour: string; readonly width: number; readonly dashes?: string },
): string {
  const through = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const dash = dashes === undefined ? "" : ` stroke-dasharray="${dashes}"`;
  return `<polyline points="${through}" fill="none" stroke="${colour}" stroke-width="${width}"${dash}/>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
