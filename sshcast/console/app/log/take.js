// Takes a log out of the page: onto the clipboard without line numbers, or as a file with the exact bytes.

import { LineBuilder } from "/console/log/lines.js";
import { toText } from "/console/log/line.js";
import { bearer, renew } from "/playground/session.js";

// What is longer is not copied, and what is much longer not held by the browser: curl writes it to a file.
export const MOST_COPIED = 16 * 1024 * 1024;
export const MOST_HELD = 256 * 1024 * 1024;

// What is selected in the rows on the screen, as text.
export function readSelection(layer) {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const lines = [];
  for (const row of layer.children) {
    const text = row.querySelector(".log-text");
    if (!range.intersectsNode(text)) continue;
    const part = document.createRange();
    part.selectNodeContents(text);
    if (text.contains(range.startContainer)) part.setStart(range.startContainer, range.startOffset);
    if (text.contains(range.endContainer)) part.setEnd(range.endContainer, range.endOffset);
    lines.push(part.toString());
  }
  return lines.length ? lines.join("\n") : null;
}

// The text of the lines from `from` to `to`, or of the whole log, as it is shown; lines are whole, however long.
export async function readText(reader, { from = 1, to = null } = {}) {
  const builder = new LineBuilder({ longest: Infinity });
  let where = { fromLine: from };
  let number = from - 1;
  let size = 0;
  for (;;) {
    const lines = to === null ? {} : { lines: to - number + (builder.open ? 1 : 0) };
    const slice = await reader.readSlice({ ...where, ...lines, maxBytes: 1_048_576 });
    for (const part of slice.parts) {
      builder.add(part);
      size += part.text.length;
    }
    if (slice.firstLine !== null) number = slice.firstLine + slice.lineCount - 1;
    if (size > MOST_COPIED) return null;
    if (!slice.hasAfter || slice.firstLine === null || (to !== null && number >= to && !builder.open)) break;
    where = { after: slice.endCursor };
  }
  return builder.lines.map(toText).join("\n") + (to === null && builder.lines.length && !builder.open ? "\n" : "");
}

export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export const buildCurlLine = (id) =>
  `curl -OJ -C - -H "Authorization: Bearer $TOKEN" '${location.origin}/api/task/${id}/log?format=raw'`;

// The exact bytes as a file. The token goes in a header, never in an address.
export async function download(id) {
  const send = () => fetch(`/api/task/${id}/log?format=raw`, { headers: { Authorization: bearer() } });
  let answer = await send();
  if (answer.status === 401) {
    await renew();
    answer = await send();
  }
  if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.message ?? `HTTP ${answer.status}`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `execution-${id}.log`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
