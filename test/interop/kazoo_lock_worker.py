"""Takes one lock again and again with kazoo until it is killed: SERVERS LOCK TURNS.

The counterpart of test/support/zookeeper-lock-worker.ts, and with the same signs: the znode `holder` exists while somebody
has the lock, `turn-…` counts, and `violation-…` says that two had it.
"""
import os
import sys

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError

servers, directory, turns = sys.argv[1:]
client = KazooClient(hosts=servers, timeout=1.0)
client.start()
me = str(os.getpid()).encode()

while True:
    with client.Lock(directory):
        try:
            client.create(turns + "/holder", ephemeral=True)
            client.create(turns + "/turn-kazoo-", me, sequence=True)
            client.delete(turns + "/holder")
        except NodeExistsError:
            client.create(turns + "/violation-", me, sequence=True)
