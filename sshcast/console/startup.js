// Says why the page's own script does not start. It is no module: for those browsers send an Origin, which a service that
// does not know its own address refuses; this file arrives nevertheless, asks as the page would, and shows the answer.

(() => {
  const chinese = (localStorage.getItem("sshcast.language") ?? navigator.language).startsWith("zh");
  const words = chinese
    ? {
        title: "操作台未能启动",
        status: "服务对脚本 {name} 的应答是 HTTP {status}：请确认服务正在运行，然后重新加载。",
        unreachable: "无法连接服务：请确认服务正在运行，然后重新加载。",
        broken: "页面的脚本出错：{reason}。请重新加载；升级之后请清除缓存再加载（Ctrl+Shift+R）。",
        unknown: "浏览器没有得到或拒绝了脚本 {name}，浏览器的控制台会说明原因。请重新加载；升级之后请清除缓存再加载（Ctrl+Shift+R）。",
      }
    : {
        title: "The playground did not start",
        status: "The service answered HTTP {status} for the script {name}: look whether it runs, then load the page again.",
        unreachable: "The service cannot be reached: look whether it runs, then load the page again.",
        broken: "The page's script failed: {reason}. Load the page again; after an upgrade, without the cache (Ctrl+Shift+R).",
        unknown:
          "The browser did not get the script {name}, or refused it; its console says why. Load the page again; after an upgrade, without the cache (Ctrl+Shift+R).",
      };
  const ready = new Promise((done) => document.addEventListener("DOMContentLoaded", done));
  const starting = () => document.getElementById("starting");
  let told = false;

  async function tell(reason) {
    if (told) return;
    told = true;
    const text = await reason;
    await ready;
    if (starting().hidden) return;
    starting().classList.add("trouble");
    starting().querySelector("h2").textContent = words.title;
    document.getElementById("starting-why").textContent = text;
    document.getElementById("starting-why-zh").hidden = true;
    if (chinese) document.getElementById("starting-why").lang = "zh-CN";
  }

  // A POST has an Origin, as the module had: what refused that one refuses this one, in words.
  async function whyRefused(address) {
    const name = new URL(address).pathname;
    try {
      const answer = await fetch("/graphql", {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json", "Accept-Language": chinese ? "zh" : "en" },
        body: '{"query": "{ __typename }"}',
      });
      if (answer.status === 403) {
        const found = await answer.json().catch(() => ({}));
        if (found.message) return found.message;
      }
      const script = await fetch(address);
      return (script.ok ? words.unknown : words.status).replace("{status}", script.status).replace("{name}", name);
    } catch {
      return words.unreachable;
    }
  }

  const isStarted = () => starting()?.hidden ?? false;
  const onError = (event) => {
    if (isStarted()) return;
    if (event.target instanceof HTMLScriptElement) tell(whyRefused(event.target.src));
    else if (event instanceof ErrorEvent) tell(words.broken.replace("{reason}", event.message));
  };
  addEventListener("error", onError, true); // also of elements: those do not bubble
  addEventListener("unhandledrejection", (event) => {
    if (!isStarted()) tell(words.broken.replace("{reason}", event.reason?.message ?? event.reason));
  });
})();
