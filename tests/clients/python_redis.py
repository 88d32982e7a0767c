"""Python's redis reads through weir. tests/clients/run says what the environment holds."""
import os
import re
import select
import signal
import threading
import unittest
import urllib.request

import redis

PORT = int(os.environ["WEIR_PORT"])
BINARY = bytes([0, 13, 10, 255, 128])
READS = 10000


def metric(name):
    """The sum of a counter over all its labels."""
    url = f"http://127.0.0.1:{os.environ['WEIR_ADMIN_PORT']}/metrics"
    text = urllib.request.urlopen(url).read().decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = redis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"])
        cls.client = redis.Redis(port=PORT)
        cls.redis.mset({"key": "value", "empty": "", b"\x00\xff": BINARY})
        cls.redis.rpush("list", "x")
        cls.redis.mset({f"key{i}": f"value {i}" for i in range(100)})

    def test_values_binary_values_and_none(self):
        self.assertEqual(self.client.get("key"), b"value")
        self.assertEqual(self.client.get("empty"), b"")
        self.assertEqual(self.client.get(b"\x00\xff"), BINARY)
        self.assertIsNone(self.client.get("no"))
        text = redis.Redis.from_url(f"redis://127.0.0.1:{PORT}/0", decode_responses=True)
        self.assertEqual(text.get("key"), "value")

    def test_the_second_read_is_a_hit(self):
        self.client.get("key")
        hits, fetches = metric("weir_cache_hits_total"), metric("weir_redis_fetches_total")
        self.assertEqual(self.client.get("key"), b"value")
        self.assertEqual(metric("weir_cache_hits_total"), hits + 1)
        self.assertEqual(metric("weir_redis_fetches_total"), fetches)

    def test_mget_keeps_the_order_of_its_keys(self):
        self.assertEqual(
            self.client.mget("key7", "no", "key", "list", "key7"),
            [b"value 7", None, b"value", None, b"value 7"],
        )

    def test_the_other_commands_that_read(self):
        self.assertEqual(self.client.exists("key", "no", "list", "key"), 3)
        self.assertEqual(self.client.strlen(b"\x00\xff"), len(BINARY))
        self.assertEqual(self.client.getrange("key", 1, -2), b"alu")
        self.assertEqual(self.client.substr("key", 0, 1), b"va")
        self.assertEqual(self.client.echo("echo"), b"echo")
        self.assertTrue(self.client.ping())

    def test_what_it_makes_of_the_answers_about_the_server(self):
        self.assertIn("weir_version", self.client.info())
        self.assertEqual(self.client.config_get("save"), {"save": ""})
        self.assertEqual(self.client.command()["get"]["arity"], 2)
        self.assertEqual(len(self.client.time()), 2)
        with self.client.client() as one:
            self.assertTrue(one.client_setname("python"))
            self.assertEqual(one.client_getname(), "python")
            self.assertIn("python", [other["name"] for other in one.client_list()])

    def test_writes_are_refused_and_the_connection_goes_on(self):
        with self.client.client() as one:
            with self.assertRaisesRegex(redis.ResponseError, "'SET': weir only reads; writes"):
                one.set("key", "new")
            with self.assertRaisesRegex(redis.ResponseError, "WRONGTYPE|wrong kind of value"):
                one.get("list")
            self.assertEqual(one.get("key"), b"value")
        self.assertEqual(self.redis.get("key"), b"value")

    def test_pipelines(self):
        with self.client.pipeline(transaction=False) as pipe:
            pipe.get("key").delete("key").strlen("key")
            got, error, length = pipe.execute(raise_on_error=False)
        self.assertEqual((got, length), (b"value", 5))
        self.assertIsInstance(error, redis.ResponseError)
        with self.client.pipeline() as pipe, self.assertRaisesRegex(redis.ResponseError, "only reads"):
            pipe.get("key").execute()

    def test_ten_thousand_reads(self):
        with self.client.pipeline(transaction=False) as pipe:
            for i in range(READS):
                pipe.get(f"key{i % 100}")
            self.assertEqual(pipe.execute(), [b"value %d" % (i % 100) for i in range(READS)])

    def test_threads_share_a_pool(self):
        good = []

        def read():
            good.append(all(self.client.get(f"key{i}") == b"value %d" % i for i in range(100)))

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(good, [True] * 8)

    def test_it_connects_again_when_weir_is_started_anew(self):
        client = redis.Redis(port=PORT, single_connection_client=True)
        self.assertEqual(client.get("key"), b"value")
        with open(os.environ["WEIR_PID"], encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGTERM)
        select.select([client.connection._sock], [], [])  # until weir has closed it
        while True:
            try:
                self.assertEqual(client.get("key"), b"value")
                break
            except redis.ConnectionError:  # the next weir does not listen yet
                pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
