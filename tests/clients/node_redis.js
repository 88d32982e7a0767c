// redis, Redis's own client for Node.js, reads through weir.
"use strict";
const { after, before, test } = require("node:test");
const assert = require("node:assert/strict");
const { createClient, RESP_TYPES } = require("redis");
const weir = require("./weir.js");

const BINARY = Buffer.from([0, 13, 10, 255, 128]);
const READS = 10000;
const url = `redis://127.0.0.1:${weir.port}`;
let redis, client;

before(async () => {
  redis = await createClient({ socket: { path: weir.redis } }).connect();
  client = createClient({ url });
  client.on("error", () => {}); // told of while there is no weir; it connects again by itself
  await client.connect();
  await redis.mSet([["key", "value"], ["empty", ""], ["binary", BINARY]]);
  await redis.rPush("list", "x");
  for (let i = 0; i < 100; i++) await redis.set(`key${i}`, `value ${i}`);
});

after(async () => {
  await client.close();
  await redis.close();
});

test("values, binary values, and none", async () => {
  const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  assert.equal(await client.get("key"), "value");
  assert.equal(await client.get("empty"), "");
  assert.equal(await client.get("no"), null);
  assert.deepEqual(await buffers.get("binary"), BINARY);
  assert.deepEqual(await buffers.mGet(["binary", "no"]), [BINARY, null]);
});

test("the second read is a hit", async () => {
  const hits = await weir.metric("weir_cache_hits_total");
  const fetches = await weir.metric("weir_redis_fetches_total");
  assert.equal(await client.get("key"), "value");
  assert.equal(await weir.metric("weir_cache_hits_total"), hits + 1);
  assert.equal(await weir.metric("weir_redis_fetches_total"), fetches);
});

test("MGET keeps the order of its keys", async () => {
  assert.deepEqual(await client.mGet(["key7", "no", "key", "list", "key7"]), [
    "value 7", null, "value", null, "value 7",
  ]);
});

test("the other commands that read", async () => {
  assert.equal(await client.exists(["key", "no", "list", "key"]), 3);
  assert.equal(await client.strLen("binary"), BINARY.length);
  assert.equal(await client.getRange("key", 1, -2), "alu");
  assert.equal(await client.echo("echo"), "echo");
  assert.match(await client.info("server"), /\r\nweir_version:/);
  assert.deepEqual({ ...(await client.configGet("save")) }, { save: "" });
  assert.equal((await client.commandInfo(["get"]))[0].arity, 2);
});

test("it speaks RESP3 and says its name", async () => {
  const info = await client.sendCommand(["CLIENT", "INFO"]);
  assert.match(info, / resp=3 lib-name=node-redis lib-ver=6\./);
});

test("writes are refused, and the connection goes on", async () => {
  await assert.rejects(client.set("key", "new"), { message: weir.refusal });
  await assert.rejects(client.get("list"), { message: /^WRONGTYPE / });
  assert.equal(await client.get("key"), "value");
  assert.equal(await redis.get("key"), "value");
});

test("a pipeline, with an error in its middle", async () => {
  const [got, error, length] = await Promise.allSettled([
    client.get("key"), client.del("key"), client.strLen("key"),
  ]);
  assert.equal(got.value, "value");
  assert.match(error.reason.message, /^ERR unknown command 'DEL': weir only reads/);
  assert.equal(length.value, 5);
  await assert.rejects(client.multi().get("key").exec(), /weir only reads/);
});

test("RESP2, if it is told to", async () => {
  const old = await createClient({ url: `${url}/0`, RESP: 2, name: "old" }).connect();
  assert.deepEqual(await old.mGet(["key", "no"]), ["value", null]);
  assert.match(await old.sendCommand(["CLIENT", "INFO"]), / name=old .* resp=2 /);
  await old.close();
});

test("ten thousand reads, which it pipelines by itself", async () => {
  const values = await Promise.all(Array.from({ length: READS }, (_, i) => client.get(`key${i % 100}`)));
  assert.ok(values.every((value, i) => value === `value ${i % 100}`));
});

test("it connects again when weir is started anew", async () => {
  const ready = new Promise((resolve) => client.once("ready", resolve));
  weir.end();
  await ready;
  assert.equal(await client.get("key"), "value");
});
