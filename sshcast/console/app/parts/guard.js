// A button that does something: disabled meanwhile, and what the service refuses is shown as a notice.

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
      button.disabled = false;
    }
  }
  return button;
}
