// What the tests of JavaScript clients know of the weir they talk to; ./run says from where.
"use strict";
const fs = require("node:fs");

exports.port = Number(process.env.WEIR_PORT);
exports.redis = process.env.REDIS_SOCKET;

exports.refusal =
  "ERR unknown command 'SET': weir only reads; writes, and what else it does not serve, go to Redis itself";

// Resolves to the sum of a counter over all its labels.
exports.metric = async (name) => {
  const response = await fetch(`http://127.0.0.1:${process.env.WEIR_ADMIN_PORT}/metrics`);
  const samples = (await response.text()).split("\n").filter((line) => line.match(`^${name}[{ ]`));
  return samples.reduce((sum, line) => sum + Number(line.split(" ").pop()), 0);
};

// Ends weir; another one takes its place.
exports.end = () => process.kill(Number(fs.readFileSync(process.env.WEIR_PID, "utf8")), "SIGTERM");
