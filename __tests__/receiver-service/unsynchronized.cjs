// Loaded before the receiver by the control of the power-loss test: its commits are not flushed any more.
const { prototype } = require("libsql");
const { exec } = prototype;
prototype.exec = function (sql) {
  return exec.call(this, sql.replace("synchronous = FULL", "synchronous = NORMAL"));
};
