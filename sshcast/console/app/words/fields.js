// The words of fields that several forms share: rows, the choice of a server, the check of a command, the preview of a schedule.

export const WORDS = {
  en: {
    rows_remove: "Remove this row",
    picker_unknown_server: "No server that you may see has this name: choose one of the list.",
    picker_unknown_task: "No task that you may see has this name: choose one of the list.",
    check_allowed: "The command policy accepts this command.",
    check_warned: "The command policy accepts this command, and warns:",
    check_refused: "The command policy refuses this command:",
    check_place: "line {line}, column {column}",
    schedule_note_SKIPPED: "does not run: the clock change skips this time",
    schedule_note_MOVED: "moved by the clock change",
    schedule_note_REPEATED: "runs again: the clock change repeats this time",
    schedule_in_blackout: "in a blackout window",
  },
  zh: {
    rows_remove: "移除此行",
    picker_unknown_server: "您能看到的服务器中没有这个名称，请从列表中选择。",
    picker_unknown_task: "您能看到的任务中没有这个名称，请从列表中选择。",
    check_allowed: "命令策略接受此命令。",
    check_warned: "命令策略接受此命令，但有警告：",
    check_refused: "命令策略拒绝此命令：",
    check_place: "第 {line} 行第 {column} 列",
    schedule_note_SKIPPED: "不运行：时钟调整跳过了这一时刻",
    schedule_note_MOVED: "因时钟调整而顺延",
    schedule_note_REPEATED: "再次运行：时钟调整使这一时刻重复",
    schedule_in_blackout: "处于维护窗口",
  },
};
