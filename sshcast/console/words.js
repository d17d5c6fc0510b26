// The words of the pages, in English and Chinese. Elements say which they show: data-word, or data-word-ATTRIBUTE.

const KEY = "sshcast.language";
const WORDS = {
  en: {
    playground: "Playground",
    sign_in: "Sign in",
    sign_in_about: "Run commands on your servers, and watch their output live.",
    user: "User",
    password: "Password",
    sign_in_with: "Sign in with {name}",
    refused_expired: "The sign-in took too long, or was begun in another browser: try again.",
    refused_denied: "The identity provider did not let you in: try again.",
    refused_invalid: "What the identity provider answered is not valid: try again, and if it stays so, tell an admin.",
    refused_no_role: "None of your groups has a role here: ask an admin.",
    refused_disabled: "Your account is disabled here: ask an admin.",
    refused_busy: "Too many failed sign-ins: wait a while, then try again.",
    refused_unavailable: "The identity provider cannot be reached: try again shortly.",
    refused_failed: "You could not be signed in: try again.",
    is_none: "no role",
    is_viewer: "viewer",
    is_operator: "operator",
    is_admin: "admin",
    sign_out: "Sign out",
    other_language: "中文",
    graphiql: "GraphiQL",
    plain: "Plain runner",
    console: "Console",
    graphiql_missing: "GraphiQL is not on this service yet: whoever runs it gets it with `sshcast web fetch`.",
    examples: "Examples",
    find: "Find an example  ( / )",
    query: "Query",
    variables: "Variables (JSON)",
    run: "Run",
    stop: "Stop watching",
    stop_about: "Stops watching only: the run on the server goes on",
    the_run: "Run",
    watch_run: "Watch its output",
    open_run: "Open its page",
    cancel_run: "Cancel run …",
    cancel_title: "Cancel run #{id}?",
    cancel_about: "The command on the server is stopped. To stop only looking at it, use “Stop watching”.",
    cancel_no: "Let it run",
    cancel_yes: "Cancel run",
    cancel_asked: "The run is being cancelled",
    events_left_out: "… {count} earlier events are left out here",
    close: "Close",
    output: "Output",
    events: "Answer",
    copy: "Copy",
    copied: "Copied",
    empty_title: "Choose an example, then Run",
    empty_about: "A subscription shows a command's output here while it runs.",
    running: "Running …",
    live: "Live",
    reconnecting: "Connection lost: resuming …",
    ended: "Ended",
    stopped: "You stopped watching",
    run_goes_on: "; the run goes on",
    runs_go_on: "; what runs goes on",
    done: "Done",
    failed: "Failed",
    closed: "The server closed the connection",
    left_out: "… earlier output is left out here; the record has it all",
    bad_variables: "The variables are not JSON",
    unreachable: "The service cannot be reached: look whether it runs, then try again.",
    no_answer: "HTTP {status}, and not from the service: a proxy answered for it. Look whether the service runs, then try again.",
    link_advice: "Ask for a new link, or sign in with your name and password.",
    session_over: "Your session has ended: sign in again.",
    still_in: "You are still signed in as {name}.",
    not_loaded: "A part of the page could not be loaded: load the page again, or use the plain runner.",
    loading: "Loading GraphiQL …",
    group_1: "Sign in",
    group_2: "Servers",
    group_3: "Find tasks",
    group_4: "Change tasks",
    group_5: "Run",
    group_6: "Records",
    group_7: "Watch live",
    exit_status: "exit status",
    truncated: "cut at the output limit",
  },
  zh: {
    playground: "操作台",
    sign_in: "登录",
    sign_in_about: "在您的服务器上执行命令，实时查看输出。",
    user: "用户名",
    password: "密码",
    sign_in_with: "使用 {name} 登录",
    refused_expired: "登录已超时，或不是在此浏览器中开始的，请重试。",
    refused_denied: "身份提供方未允许您登录，请重试。",
    refused_invalid: "身份提供方的应答无效，请重试；若仍如此，请联系管理员。",
    refused_no_role: "您所在的组在此没有任何角色，请联系管理员。",
    refused_disabled: "您的账号已被停用，请联系管理员。",
    refused_busy: "登录失败次数过多，请稍后再试。",
    refused_unavailable: "无法连接身份提供方，请稍后再试。",
    refused_failed: "登录失败，请重试。",
    is_none: "无角色",
    is_viewer: "查看者",
    is_operator: "操作员",
    is_admin: "管理员",
    sign_out: "退出",
    other_language: "English",
    graphiql: "GraphiQL",
    plain: "简洁版",
    console: "控制台",
    graphiql_missing: "本服务尚未安装 GraphiQL：请由运行本服务的人执行 `sshcast web fetch`。",
    examples: "示例",
    find: "查找示例（按 / 键）",
    query: "查询语句",
    variables: "变量（JSON）",
    run: "运行",
    stop: "停止查看",
    stop_about: "仅停止查看，服务器上的执行不受影响",
    the_run: "执行",
    watch_run: "查看其输出",
    open_run: "打开其页面",
    cancel_run: "取消执行……",
    cancel_title: "取消执行 #{id}？",
    cancel_about: "服务器上的命令将被终止。如果只是不想再看，请用“停止查看”。",
    cancel_no: "让它继续",
    cancel_yes: "取消执行",
    cancel_asked: "正在取消执行",
    events_left_out: "……此处省略较早的 {count} 个事件",
    close: "关闭",
    output: "输出",
    events: "结果",
    copy: "复制",
    copied: "已复制",
    empty_title: "选择一个示例，然后点击“运行”",
    empty_about: "运行订阅时，命令的输出会实时显示在这里。",
    running: "运行中……",
    live: "实时",
    reconnecting: "连接中断，正在续接……",
    ended: "已结束",
    stopped: "您已停止查看",
    run_goes_on: "；执行仍在继续",
    runs_go_on: "；正在执行的不受影响",
    done: "完成",
    failed: "失败",
    closed: "服务器关闭了连接",
    left_out: "……此处省略较早的输出，完整内容已存档",
    bad_variables: "变量不是合法的 JSON",
    unreachable: "无法连接服务：请确认服务正在运行，然后重试。",
    no_answer: "HTTP {status}，应答来自代理而不是本服务。请确认服务正在运行，然后重试。",
    link_advice: "请索取新的链接，或用用户名和密码登录。",
    session_over: "您的会话已结束，请重新登录。",
    still_in: "您仍以 {name} 的身份登录。",
    not_loaded: "页面的一部分未能加载：请重新加载页面，或使用简洁版。",
    loading: "正在加载 GraphiQL……",
    group_1: "登录",
    group_2: "服务器",
    group_3: "查找任务",
    group_4: "修改任务",
    group_5: "执行",
    group_6: "执行记录",
    group_7: "实时查看",
    exit_status: "退出状态",
    truncated: "已达输出上限，被截断",
  },
};

let language = localStorage.getItem(KEY) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export const spoken = () => language;

// Adds words of a page that has a file of its own for them: { en: { name: text }, zh: { name: text } }.
export function addWords(words) {
  for (const [each, texts] of Object.entries(words)) Object.assign(WORDS[each], texts);
}

export const word = (name) => WORDS[language][name] ?? name;

// An element that shows this word, and goes on showing it in whichever language is chosen.
export function worded(name) {
  const element = document.createElement("span");
  element.dataset.word = name;
  element.textContent = word(name);
  return element;
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem(KEY, language);
  translate();
}

// Shows the words of every element of the page that names one.
export function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const attribute of ["placeholder", "aria-label", "title"]) {
    for (const element of document.querySelectorAll(`[data-word-${attribute}]`)) {
      element.setAttribute(attribute, word(element.getAttribute(`data-word-${attribute}`)));
    }
  }
}
