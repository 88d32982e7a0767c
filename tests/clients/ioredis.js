// ioredis reads through weir.
"use strict";
const { after, before, test } = require("node:test");
const assert = require("node:assert/strict");
const { once } = require("node:events");
const Redis = require("ioredis");
const weir = require("./weir.js");

const BINARY = Buffer.from([0, 13, 10, 255, 128]);
const READS = 10000;
let redis, client;

before(async () => {
  redis = new Redis({ path: weir.redis });
  client = new Redis(weir.port, "127.0.0.1");
  client.on("error", () => {}); // told of while there is no weir; it connects again by itself
  await redis.mset("key", "value", "empty", "", "binary", BINARY);
  await redis.rpush("list", "x");
  for (let i = 0; i < 100; i++) await redis.set(`key${i}`, `value ${i}`);
});

after(async () => {
  assert.equal(await client.quit(), "OK");
  await redis.quit();
});

test("values, binary values, and none", async () => {
  assert.equal(await client.get("key"), "value");
  assert.equal(await client.get("empty"), "");
  assert.equal(await client.get("no"), null);
  assert.deepEqual(await client.getBuffer("binary"), BINARY);
});

test("the second read is a hit", async () => {
  const hits = await weir.metric("weir_cache_hits_total");
  const fetches = await weir.metric("weir_redis_fetches_total");
  assert.equal(await client.get("key"), "value");
  assert.equal(await weir.metric("weir_cache_hits_total"), hits + 1);
  assert.equal(await weir.metric("weir_redis_fetches_total"), fetches);
});

test("MGET keeps the order of its keys", async () => {
  assert.deepEqual(await client.mget("key7", "no", "key", "list", "key7"), [
    "value 7", null, "value", null, "value 7",
  ]);
  assert.deepEqual(await client.mgetBuffer("binary", "no"), [BINARY, null]);
});

test("the other commands that read", async () => {
  assert.equal(await client.exists("key", "no", "list", "key"), 3);
  assert.equal(await client.strlen("binary"), BINARY.length);
  assert.equal(await client.getrange("key", 1, -2), "alu");
  assert.match(await client.info("server"), /\r\nweir_version:/);
  assert.equal((await client.time()).length, 2);
});

test("it speaks RESP3 and says its name", async () => {
  assert.match(await client.client("INFO"), / resp=3 lib-name=ioredis lib-ver=6\.0\.0/);
});

test("writes are refused, and the connection goes on", async () => {
  await assert.rejects(client.set("key", "new"), { name: "ReplyError", message: weir.refusal.replace("SET", "set") });
  await assert.rejects(client.get("list"), { message: /^WRONGTYPE / });
  assert.equal(await client.get("key"), "value");
  assert.equal(await redis.get("key"), "value");
});

test("a pipeline, with an error in its middle", async () => {
  const [got, error, length] = await client.pipeline().get("key").del("key").strlen("key").exec();
  assert.deepEqual(got, [null, "value"]);
  assert.match(error[0].message, /^ERR unknown command 'del': weir only reads/);
  assert.deepEqual(length, [null, 5]);
  await assert.rejects(client.multi().get("key").exec(), /weir only reads/);
});

test("automatic pipelining", async () => {
  const auto = new Redis({ port: weir.port, host: "127.0.0.1", enableAutoPipelining: true });
  const values = await Promise.all(Array.from({ length: 1000 }, (_, i) => auto.get(`key${i % 100}`)));
  assert.deepEqual(values, Array.from({ length: 1000 }, (_, i) => `value ${i % 100}`));
  await auto.quit();
});

test("RESP2, if it is told to", async () => {
  const old = new Redis({ port: weir.port, host: "127.0.0.1", protocol: 2, connectionName: "old" });
  assert.deepEqual(await old.mget("key", "no"), ["value", null]);
  assert.match(await old.client("INFO"), / name=old .* resp=2 /);
  await old.quit();
});

test("ten thousand reads", async () => {
  const values = await Promise.all(Array.from({ length: READS }, (_, i) => client.get(`key${i % 100}`)));
  assert.ok(values.every((value, i) => value === `value ${i % 100}`));
});

test("it connects again when weir is started anew", async () => {
  const closed = once(client, "close");
  weir.end();
  await closed;
  assert.equal(await client.get("key"), "value"); // waits until it is connected
});
