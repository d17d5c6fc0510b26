// Waits until somebody has stopped typing, and drops answers that a later question has overtaken.

// Returns a function that calls `work` after `ms` without another call; `work` gets `isLast()`, false once it was called again.
export function debounce(work, ms = 350) {
  let timer = null;
  let call = 0;
  return () => {
    clearTimeout(timer);
    const mine = (call += 1);
    timer = setTimeout(() => work(() => mine === call), ms);
  };
}
