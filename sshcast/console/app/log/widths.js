// How many cells of a terminal a character takes: two for East Asian wide ones and emoji, none for combining marks.

const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u;
// Text without any of these has a cell for each of its UTF-16 units.
const ODD = /[^\x20-\u02ff\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2500-\u25fc\u0400-\u0482]/;

export function measureCharacter(character) {
  if (character < "\u0300") return 1;
  if (WIDE.test(character)) return 2;
  return NONE.test(character) ? 0 : 1;
}

export const isPlain = (text) => !ODD.test(text);

// The characters of a text with marks left on what they belong to: [[text, cells]].
export function splitCharacters(text) {
  const found = [];
  for (const character of text) {
    const cells = measureCharacter(character);
    if (cells === 0 && found.length) found.at(-1)[0] += character;
    else found.push([character, cells]);
  }
  return found;
}
