// A modal dialog (the browser's own: focus stays in it, Escape closes it).

import { h, w } from "/console/dom.js";

// Opens a dialog with a heading and content; returns the element. It removes itself when it is closed.
export function openDialog(title, ...content) {
  const dialog = h("dialog", { class: "ours", "aria-label": title.textContent ?? title }, h("h2", {}, title), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// Asks whether to do something that changes more than the page. Resolves to true or false.
export function confirmed(question, action = "confirm") {
  return new Promise((resolve) => {
    const yes = h("button", { type: "button", class: "primary", onclick: () => dialog.close("yes") }, w(action));
    const no = h("button", { type: "button", onclick: () => dialog.close("") }, w("cancel"));
    const dialog = openDialog(w("confirm"), h("p", {}, question), h("p", { class: "actions" }, no, yes));
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
    no.focus();
  });
}
