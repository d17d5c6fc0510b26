// One line under the header, for what has no other place: it stays until it is closed or another one comes.

const byId = (id) => document.getElementById(id);

export function showNotice(...parts) {
  byId("notice-text").replaceChildren(...parts);
  byId("notice").hidden = false;
}

export function hideNotice() {
  byId("notice").hidden = true;
}

byId("notice-close").onclick = hideNotice;
