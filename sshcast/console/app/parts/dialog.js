// A modal dialog (the browser's own: focus stays in it, Escape closes it).

import { byId, h, w } from "/console/dom.js";

let dialogsMade = 0;

// Opens a dialog with a heading and content; returns the element. It removes itself when it is closed. The button that closes it
// comes last, so that the focus begins in the content.
export function openDialog(title, ...content) {
  const id = `dialog-${(dialogsMade += 1)}`;
  const close = h("button", { type: "button", class: "quiet close", label: "close", onclick: () => dialog.close() }, "×");
  const dialog = h("dialog", { class: "ours", "aria-labelledby": id }, h("h2", { id }, title), ...content, close);
  const giveFocusBack = rememberFocus();
  dialog.addEventListener("close", () => {
    dialog.remove();
    giveFocusBack();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// The browser gives the focus back to the button that has opened a dialog. This does where the page was built anew meanwhile: to
// the same button of the same row.
function rememberFocus() {
  const opener = document.activeElement;
  const row = opener.closest("tr[data-id]")?.dataset.id;
  return () => {
    if (opener.isConnected || document.activeElement !== document.body) return;
    const place = row === undefined ? byId("work") : byId("work").querySelector(`tr[data-id="${CSS.escape(row)}"]`);
    const buttons = [...(place?.querySelectorAll("button, a") ?? [])];
    buttons.find((each) => each.textContent === opener.textContent)?.focus({ preventScroll: true });
  };
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
