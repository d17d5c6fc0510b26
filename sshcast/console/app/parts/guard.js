// A button that does something: disabled meanwhile, and what the service refuses is shown as a notice. A button that is disabled
// loses the focus, and a dialog that is closed cannot give it back: it has it again afterwards.

import { h, w } from "/console/dom.js";
import { showNotice } from "/playground/notice.js";

export function actionButton(name, work, attributes = {}) {
  const button = h("button", { type: "button", ...attributes, onclick: run }, w(name));
  async function run() {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      showNotice(error.message);
    } finally {
      enableAgain(button);
    }
  }
  return button;
}

export function enableAgain(button) {
  button.disabled = false;
  if (document.activeElement === document.body) button.focus({ preventScroll: true });
}
