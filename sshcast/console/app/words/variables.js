// The words of environment variables in forms.

export const WORDS = {
  en: {
    variables_title: "Environment variables and secrets",
    parameter_stored: "stored, not shown",
    task_env: "Environment variables",
    variables_about: "The names are shown to whoever sees the task or the execution, the values to nobody.",
    variables_set: "Set now: {names}. Their values are not shown.",
    variables_replace: "Replace all of them by these",
    variable_value: "Value",
    task_add_variable: "Add a variable",
    task_secret_env: "Secret environment variables",
    task_secret_env_about: "Stored encrypted and masked in output. Name a registered secret, or give a value.",
    task_add_secret: "Add a secret variable",
    secret_of_name: "Registered secret",
    secret_or_value: "or a value",
  },
  zh: {
    variables_title: "环境变量与机密",
    parameter_stored: "已保存，不显示",
    task_env: "环境变量",
    variables_about: "能查看该任务或该次执行的人都能看到变量名，但任何人都看不到值。",
    variables_set: "已设置：{names}。其值不会显示。",
    variables_replace: "用以下内容全部替换",
    variable_value: "值",
    task_add_variable: "添加变量",
    task_secret_env: "机密环境变量",
    task_secret_env_about: "加密保存，并在输出中遮盖。可引用已登记的机密，也可直接填写值。",
    task_add_secret: "添加机密变量",
    secret_of_name: "已登记的机密",
    secret_or_value: "或直接填写值",
  },
};
