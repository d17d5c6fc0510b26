// A text area with colours: what is typed is painted, in the same places, on the element behind it.

const TOKENS =
  /(?<comment>#.*)|(?<string>"""[^]*?"""|"(?:[^"\\\n]|\\.)*")|(?<variable>\$\w+)|(?<number>\b\d[\d.]*\b)|(?<word>\b(?:query|mutation|subscription|fragment|on|true|false|null)\b)|(?<type>\b[A-Z]\w*)/g;
const CLASSES = { comment: "comment", string: "string", variable: "number", number: "number", word: "word", type: "key" };

export class Editor {
  constructor({ area, paint }) {
    Object.assign(this, { area, paint });
    area.oninput = () => this.show();
    area.onscroll = () => this.follow();
  }

  get text() {
    return this.area.value;
  }

  set text(value) {
    this.area.value = value;
    this.area.scrollTop = 0;
    this.show();
  }

  show() {
    const text = this.area.value;
    const painted = document.createDocumentFragment();
    let from = 0;
    for (const match of text.matchAll(TOKENS)) {
      const [kind] = Object.entries(match.groups).find(([, found]) => found !== undefined);
      const span = document.createElement("span");
      span.className = CLASSES[kind];
      span.textContent = match[0];
      painted.append(text.slice(from, match.index), span);
      from = match.index + match[0].length;
    }
    painted.append(`${text.slice(from)}\n`);
    this.paint.replaceChildren(painted);
    this.follow();
  }

  follow() {
    this.paint.scrollTop = this.area.scrollTop;
    this.paint.scrollLeft = this.area.scrollLeft;
  }
}
